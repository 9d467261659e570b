package client

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/job"
)

// maxViolations is how many violations one error lists.
const maxViolations = 100

// invalid returns the error that a server returns for these violations, and more that are not listed;
// nil without violations.
func invalid(wrong []Violation, more int) error {
	total := len(wrong) + more
	if total == 0 {
		return nil
	}
	bad := &errdetails.BadRequest{}
	for _, v := range wrong[:min(len(wrong), maxViolations)] {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Message})
	}
	text := wrong[0].Field + ": " + wrong[0].Message
	if total > 1 {
		text = fmt.Sprintf("%s (and %d more)", text, total-1)
	}
	s := status.New(codes.InvalidArgument, text)
	info := &errdetails.ErrorInfo{
		Reason: "INVALID", Domain: job.ErrorDomain,
		Metadata: map[string]string{totalViolations: strconv.Itoa(total)},
	}
	if full, err := s.WithDetails(info, bad); err == nil {
		s = full
	}
	return s.Err()
}

func jobField(i int, name string) string { return fmt.Sprintf("jobs[%d].%s", i, name) }

// renumberJobs converts the job indexes of violations from those of a part to those of the whole list.
// Violations of the request itself are the same for every part: only those of the first part are kept.
func renumberJobs(part []Violation, first int) []Violation {
	var whole []Violation
	for _, v := range part {
		if rest, ok := strings.CutPrefix(v.Field, "jobs["); ok {
			number, rest, _ := strings.Cut(rest, "]")
			if n, err := strconv.Atoi(number); err == nil {
				v.Field = fmt.Sprintf("jobs[%d]%s", n+first, rest)
			}
		} else if first > 0 {
			continue
		}
		whole = append(whole, v)
	}
	return whole
}
