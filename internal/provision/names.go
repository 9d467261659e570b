package provision

import (
	"fmt"
	"strings"

	"github.com/stokerd/stoker/job"
)

// Label marks every encoding that belongs to the job table with the given instance id.
func Label(instance string) string { return "stoker-" + instance }

// EncodingName is the name of a job's encoding. People recognise the job by it, and
// [ParseName] reads the job's id from it. White space in the title becomes single blanks,
// so that no program on the way changes the name by tidying it up.
func EncodingName(j *job.Job) string {
	return strings.TrimSpace(strings.Join(strings.Fields(j.Title()), " ") + " [" + j.ID.String() + "]")
}

// AttemptName is the name of the encoding that the current attempt of a template's job
// creates. Each attempt has a name of its own.
func AttemptName(j *job.Job) string { return fmt.Sprintf("%s #%d", EncodingName(j), j.Attempt) }

// ParseName returns the job after which an encoding was named and, for one that was made
// from a template, the attempt; 0 for any other. ok is false for a name that
// neither [EncodingName] nor [AttemptName] makes.
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

// SplitAttempt splits the attempt from the name that [AttemptName] made. For any other name
// it returns the name as it is, and 0.
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
