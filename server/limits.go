package server

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

// Limits on what the server checks, and on what it says about an invalid request. A request of 32 MiB
// can hold 30 million entries, and each of them can be wrong.
const (
	// maxEntries is how many entries a map, or a list of anything but jobs, may have before
	// the request is refused unchecked. The contract allows fewer where it states a limit.
	maxEntries = 1_000
	// maxViolations is how many violations of a request are kept. The others are only counted.
	maxViolations = 100
	// maxWarnings is how many warnings about a request are kept. The others are only counted.
	maxWarnings = 100
	// maxBadRequest is the size of the largest list of violations in an error, in bytes. gRPC
	// sends an error in headers, as base64 and beside its text. Many clients, those in Python,
	// C++ and Java among them, take 8 KiB of headers and drop a larger error altogether.
	maxBadRequest = 4 << 10
	// maxText limits the text of an error, maxField the path of a violation and maxMessage its
	// text, all in bytes. A caller's own words may be in them.
	maxText, maxField, maxMessage = 300, 200, 600
)

// checkSize refuses a request with too many entries in a list or map. It also checks the messages in
// the request, but not those in lists.
func checkSize(req any) error {
	m, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	if field, problem := oversized(m.ProtoReflect(), ""); problem != "" {
		return invalid(field, problem)
	}
	return nil
}

// oversized finds a list or map of m with too many entries. It returns the path of the field and the
// text of the violation; both are empty if there is none.
func oversized(m protoreflect.Message, prefix string) (field, problem string) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		entries, most := 0, maxEntries
		switch {
		case fd.IsMap():
			entries = v.Map().Len()
		case fd.IsList():
			entries = v.List().Len()
			if fd.Name() == jobsField {
				most = job.MaxRequestJobs
			}
		case fd.Message() != nil:
			field, problem = oversized(v.Message(), prefix+string(fd.Name())+".")
		}
		switch {
		case entries <= most:
			return problem == ""
		case most == job.MaxRequestJobs:
			problem = tooManyJobs(entries)
		default:
			problem = fmt.Sprintf("%d entries: want at most %d", entries, most)
		}
		field = prefix + string(fd.Name())
		return false
	})
	return field, problem
}

func tooManyJobs(n int) string {
	return fmt.Sprintf("%d jobs in one request: want at most %d; set keep_open and send the others with AddJobs", n, job.MaxRequestJobs)
}
