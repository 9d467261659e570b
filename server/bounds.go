package server

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

// What one request may bring, and what an answer says about one that is wrong, is bounded:
// a message of 32 MiB holds 30 million entries, each of which can be wrong.
const (
	// maxJobs is how many jobs a message may have.
	maxJobs = 100_000
	// maxEntries is how many entries any other list, or a map, may have. The contract
	// allows fewer, or has no use for as many.
	maxEntries = 1_000
	// maxViolations is how many violations are kept. The others are counted.
	maxViolations = 100
	// maxWarnings is how many warnings are told. The others are counted.
	maxWarnings = 100
	// maxBadRequest is how large a list of violations is sent. Many clients, those in
	// Python, C++ and Java among them, take 8 KiB of headers, in which an error travels
	// as base64 and beside its text, and are told nothing if there are more.
	maxBadRequest = 4 << 10
	// maxText, maxField and maxMessage are how long the text of an error, and the path and
	// the text of a violation are. A caller's own words may be in them.
	maxText, maxField, maxMessage = 300, 200, 600 // bytes
)

// bounded refuses a request with more in it than it is held to the contract for.
func bounded(req any) error {
	m, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	if v := overlong(m.ProtoReflect(), ""); v != nil {
		return invalid([]job.Violation{*v})
	}
	return nil
}

// overlong finds a list or a map with too many entries, in m and the messages in it. It
// does not look into lists: each job is held to the contract by itself.
func overlong(m protoreflect.Message, path string) (found *job.Violation) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := path + string(fd.Name())
		switch {
		case fd.Name() == jobsField && fd.IsList():
			if n := v.List().Len(); n > maxJobs {
				found = &job.Violation{Field: name, Message: fmt.Sprintf(
					"%d in one request: want at most %d, and the others by AddJobs to a batch with keep_open", n, maxJobs)}
			}
		case fd.IsMap() && v.Map().Len() > maxEntries:
			found = &job.Violation{Field: name, Message: tooMany(v.Map().Len())}
		case fd.IsList() && v.List().Len() > maxEntries:
			found = &job.Violation{Field: name, Message: tooMany(v.List().Len())}
		case fd.Message() != nil && !fd.IsList() && !fd.IsMap():
			found = overlong(v.Message(), name+".")
		}
		return found == nil
	})
	return found
}

func tooMany(n int) string { return fmt.Sprintf("%d entries are more than any request needs", n) }

// jobsField is the list of jobs in a request.
const jobsField = "jobs"

// clip leaves out the middle of a text with more than most bytes: what is wrong stands at
// its beginning, and what would be right at its end.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	head, tail := text[:most/2], text[len(text)-most/2+len("…"):]
	return strings.ToValidUTF8(head, "") + "…" + strings.ToValidUTF8(tail, "")
}
