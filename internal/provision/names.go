package provision

import (
	"fmt"
	"strings"

	"github.com/stokerd/stoker/job"
)

// Label is the label of every encoding that belongs to the job table with the given instance id.
func Label(instance string) string { return "stoker-" + instance }

// EncodingName is the name of a job's encoding: the job's title and id, "film [b/1]". People
// recognise the job by it, and [ParseName] reads the id from it. White space in the title becomes
// single blanks, so that no program on the way changes the name by tidying it up.
func EncodingName(j *job.Job) string {
	return strings.TrimSpace(strings.Join(strings.Fields(j.Title()), " ") + " [" + j.ID.String() + "]")
}

// AttemptName is the name of the encoding that the current attempt of a template's job creates,
// "film [b/1] #2". The encoding of each attempt has a name of its own.
func AttemptName(j *job.Job) string { return fmt.Sprintf("%s #%d", EncodingName(j), j.Attempt) }

// ParseName returns the job after which an encoding was named. attempt is that of [AttemptName],
// 0 for a name that [EncodingName] has made. ok is false for a name that neither makes.
func ParseName(name string) (id job.ID, attempt int, ok bool) {
	name, attempt = SplitAttempt(name)
	open := strings.LastIndexByte(name, '[')
	if open < 0 || !strings.HasSuffix(name, "]") {
		return job.ID{}, 0, false
	}
	id, err := job.ParseID(name[open+1 : len(name)-1])
	if err != nil {
		return job.ID{}, 0, false
	}
	return id, attempt, true
}

// SplitAttempt splits a name of [AttemptName] into the name of [EncodingName] and the attempt.
// It returns any other name as it is, and 0.
func SplitAttempt(name string) (rest string, attempt int) {
	at := strings.LastIndex(name, "] #")
	if at < 0 {
		return name, 0
	}
	n, digits := 0, name[at+len("] #"):]
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' || n > 1e6 {
			return name, 0
		}
		n = 10*n + int(c-'0')
	}
	return name[:at+1], n
}
