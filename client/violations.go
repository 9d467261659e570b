package client

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxViolations is how many violations one error lists, as on the server.
const maxViolations = 100

// invalid is the error the server would have answered with, or nil.
func invalid(wrong []Violation) error {
	if len(wrong) == 0 {
		return nil
	}
	if more := len(wrong) - maxViolations; more > 0 {
		wrong = append(wrong[:maxViolations:maxViolations], Violation{"request", fmt.Sprintf("and %d more violations", more)})
	}
	bad := &errdetails.BadRequest{}
	for _, v := range wrong {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Message})
	}
	text := wrong[0].Field + ": " + wrong[0].Message
	if n := len(wrong) - 1; n > 0 {
		text = fmt.Sprintf("%s (and %d more)", text, n)
	}
	s := status.New(codes.InvalidArgument, text)
	if full, err := s.WithDetails(&errdetails.ErrorInfo{Reason: "INVALID", Domain: "stoker"}, bad); err == nil {
		s = full
	}
	return s.Err()
}

func jobField(i int, name string) string { return fmt.Sprintf("jobs[%d].%s", i, name) }

// renumber makes the job indexes of violations in a part those of the whole list.
func renumber(part []Violation, first int) []Violation {
	whole := make([]Violation, len(part))
	for i, v := range part {
		if rest, ok := strings.CutPrefix(v.Field, "jobs["); ok {
			number, rest, _ := strings.Cut(rest, "]")
			if n, err := strconv.Atoi(number); err == nil {
				v.Field = fmt.Sprintf("jobs[%d]%s", n+first, rest)
			}
		}
		whole[i] = v
	}
	return whole
}
