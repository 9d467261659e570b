package server

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// contract checks messages against the protovalidate rules of the contract.
type contract struct{ validator protovalidate.Validator }

func newContract() (contract, error) {
	validator, err := protovalidate.New()
	if err != nil {
		return contract{}, fmt.Errorf("compile validation rules: %w", err)
	}
	return contract{validator}, nil
}

// jobsField is the name of the list of jobs in a request.
const jobsField = "jobs"

// violations lists the rules that m breaks. It skips the jobs of a request: [submission.checkJobs]
// checks each job as a message of its own.
func (c contract) violations(m proto.Message) []job.Violation {
	skipJobs := protovalidate.FilterFunc(func(_ protoreflect.Message, d protoreflect.Descriptor) bool { return d.Name() != jobsField })
	err := c.validator.Validate(m, protovalidate.WithFilter(skipJobs))
	if err == nil {
		return nil
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return []job.Violation{{Field: "request", Message: "cannot be checked: " + err.Error()}}
	}
	all := make([]job.Violation, 0, len(broken.Violations))
	for _, v := range broken.Violations {
		all = append(all, job.Violation{
			Field:   protovalidate.FieldPathString(v.Proto.GetField()),
			Message: ruleText(m.ProtoReflect().Descriptor(), v),
		})
	}
	return all
}

// allows reports whether none of the jobs breaks a rule. It is faster than violations of each job.
func (c contract) allows(jobs []*stokerv1.JobSpec) bool {
	return c.validator.Validate(&stokerv1.SubmitBatchRequest{Jobs: jobs}) == nil
}

// ruleText says what a field of m would have to be. It names enum values, where the rule has their
// numbers.
func ruleText(m protoreflect.MessageDescriptor, v *protovalidate.Violation) string {
	field, path := v.FieldDescriptor, v.Proto.GetField().GetElements()
	if field == nil && len(path) == 1 { // an entry of a list
		field = m.Fields().ByName(protoreflect.Name(path[0].GetFieldName()))
	}
	if field == nil || field.Enum() == nil || !strings.HasPrefix(v.Proto.GetRuleId(), "enum.") {
		return v.Proto.GetMessage()
	}
	var names []string
	values := field.Enum().Values()
	if v.Proto.GetRuleId() == "enum.in" {
		for i := range v.RuleValue.List().Len() {
			names = append(names, string(values.ByNumber(protoreflect.EnumNumber(v.RuleValue.List().Get(i).Int())).Name()))
		}
	} else {
		for i := range values.Len() - 1 { // the first value means that the field is not set
			names = append(names, string(values.Get(i+1).Name()))
		}
	}
	return "want " + strings.Join(names, ", ")
}
