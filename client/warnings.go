package client

import stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"

// Warning is one thing in a request that is allowed but odd.
type Warning struct {
	Field   string // path, for example "jobs[17].input_path"
	Message string // what is odd about the field
}

// withWarnings is an answer with warnings.
type withWarnings interface {
	GetWarnings() []*stokerv1.Warning
	GetWarningCount() int64
}

// warn passes the warnings about a part to the Warn function of the options. first is the index of the
// first job of the part.
func (o SubmitOptions) warn(answer withWarnings, first int) {
	if o.Warn == nil || answer.GetWarningCount() == 0 {
		return
	}
	part := make([]Violation, len(answer.GetWarnings()))
	for i, w := range answer.GetWarnings() {
		part[i] = Violation{w.GetField(), w.GetMessage()}
	}
	var list []Warning
	for _, v := range renumberJobs(part, first) {
		list = append(list, Warning(v))
	}
	o.Warn(list, answer.GetWarningCount())
}
