package server

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// This file converts messages to values of package job. The names of enum values are those of
// package job with a prefix; a test compares the two.

// enumName is the name of an enum value without its prefix; empty for UNSPECIFIED.
func enumName[W ~string](value fmt.Stringer, prefix string) W {
	w := strings.TrimPrefix(value.String(), prefix)
	if w == "UNSPECIFIED" {
		return ""
	}
	return W(w)
}

func jobState(s stokerv1.JobState) job.State { return enumName[job.State](s, "JOB_STATE_") }

func jobStates(list []stokerv1.JobState) []job.State { return mapSlice(list, jobState) }

func batchState(s stokerv1.BatchState) job.BatchState {
	return enumName[job.BatchState](s, "BATCH_STATE_")
}

func failureKind(k stokerv1.FailureKind) job.FailureKind {
	return enumName[job.FailureKind](k, "FAILURE_KIND_")
}

func jobSpec(s *stokerv1.JobSpec) job.Spec {
	return job.Spec{
		Key: s.GetKey(), Name: s.GetName(),
		InputPath: s.GetInputPath(), OutputPath: job.CleanOutputPath(s.GetOutputPath()), Variables: s.GetVariables(),
	}
}

// retryPolicy converts p, with the server's values for those that p leaves out.
func retryPolicy(p *stokerv1.RetryPolicy, server job.RetryPolicy) job.RetryPolicy {
	if p == nil {
		return server
	}
	r := job.RetryPolicy{
		MaxRetries:          server.MaxRetries,
		InitialBackoff:      cmp.Or(p.GetInitialBackoff().AsDuration(), server.InitialBackoff),
		MaxBackoff:          cmp.Or(p.GetMaxBackoff().AsDuration(), server.MaxBackoff),
		RetryTransferErrors: p.GetRetryTransferErrors(),
	}
	if p.MaxRetries != nil {
		r.MaxRetries = int(p.GetMaxRetries())
	}
	return r
}

func failureLimit(l *stokerv1.FailureLimit) job.FailureLimit {
	return job.FailureLimit{Count: l.GetCount(), Percent: int(l.GetPercent()), MinFinished: l.GetMinFinished()}
}

// mapSlice converts each element of a list. An empty list becomes nil.
func mapSlice[A, B any](list []A, f func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}

// waitFromMessage reverses [waitMessage].
func waitFromMessage(m *stokerv1.Wait) job.Wait {
	if m == nil {
		return job.Wait{}
	}
	return job.Wait{
		Code:  enumName[job.WaitCode](m.GetCode(), "WAIT_CODE_"),
		Since: timeOf(m.GetSince()), Until: timeOf(m.GetUntil()),
		Position: m.GetPosition(), Earliest: timeOf(m.GetEarliestStartTime()),
		Count: m.GetCount(), Limit: m.GetLimit(), Attempt: int(m.GetAttempt()), Subject: m.GetSubject(), Text: m.GetText(),
	}
}

// timeOf reverses [timestamp].
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
