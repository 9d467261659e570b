package client

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/job"
)

// Violation is one thing that is wrong with a field of a request.
type Violation struct {
	Field   string // path, for example "jobs[17].input_path"
	Message string // what is wrong and what would be right
}

// Violations lists what the server found wrong with a request. The list may lack the last violations;
// see [ViolationCount]. It is empty for errors of another kind.
func Violations(err error) []Violation {
	bad, ok := detail[*errdetails.BadRequest](err)
	if !ok {
		return nil
	}
	var all []Violation
	for _, v := range bad.GetFieldViolations() {
		all = append(all, Violation{Field: v.GetField(), Message: v.GetDescription()})
	}
	return all
}

// ViolationCount is how many violations the server found in a request, including those that
// [Violations] does not list.
func ViolationCount(err error) int {
	listed := len(Violations(err))
	info, _ := detail[*errdetails.ErrorInfo](err)
	total, _ := strconv.Atoi(info.GetMetadata()[totalViolations]) // 0 without the number
	return max(listed, total)
}

// totalViolations is the key of the number of violations in the metadata of an error.
const totalViolations = "violations"

// Reason is the server's machine-readable reason for an error, for example WRONG_STATE. It is empty if
// the error is not from a Stoker server.
func Reason(err error) string {
	info, ok := detail[*errdetails.ErrorInfo](err)
	if !ok || info.GetDomain() != job.ErrorDomain {
		return ""
	}
	return info.GetReason()
}

// RetryDelay is how long the server advises to wait before the call is repeated; false if the server
// does not advise a repeat.
func RetryDelay(err error) (time.Duration, bool) {
	info, ok := detail[*errdetails.RetryInfo](err)
	return info.GetRetryDelay().AsDuration(), ok
}

// detail is the first detail of the given type in err's status.
func detail[D any](err error) (D, bool) {
	for _, d := range status.Convert(err).Details() {
		if d, ok := d.(D); ok {
			return d, true
		}
	}
	var none D
	return none, false
}
