package dispatcher

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// taskObservation is what a status shows of an encoding.
func taskObservation(encodingID string, t bitmovin.Task) job.Observation {
	o := job.Observation{
		EncodingID: encodingID,
		Progress:   int(t.Progress),
		QueuedAt:   t.QueuedAt.Time,
		RunningAt:  t.RunningAt.Time,
		FinishedAt: t.FinishedAt.Time,
		Messages:   t.ErrorTexts(),
	}
	o.Status, o.Unknown = statusOf(t.Status)
	if o.FinishedAt.IsZero() {
		o.FinishedAt = t.ErrorAt.Time
	}
	if t.Error != nil {
		o.Failure = &job.Failure{
			Code: t.Error.Code, Category: t.Error.Category, Text: t.Error.Text,
			Hint: job.RetryHint(t.Error.RetryHint),
		}
	}
	return o
}

// listedObservation is what a list shows of an encoding.
func listedObservation(e bitmovin.Encoding) job.Observation {
	o := job.Observation{
		EncodingID: string(e.ID), Progress: int(e.Progress),
		QueuedAt: e.QueuedAt.Time, RunningAt: e.RunningAt.Time, FinishedAt: e.FinishedAt.Time,
	}
	o.Status, o.Unknown = statusOf(e.Status)
	return o
}

// statusOf is the status of an encoding, or the platform's word for a status that this version
// does not know.
func statusOf(s bitmovin.Status) (known job.Remote, unknown string) {
	if s.Known() {
		return job.Remote(s), ""
	}
	return "", cmp.Or(string(s), "(none)")
}

// estimateRemaining estimates from its progress how long an encoding still runs; 0 below 5 % progress.
// The progress is rounded down, so that the encoding ends at this time at the latest if it goes
// on as before.
func estimateRemaining(o job.Observation, now time.Time) time.Duration {
	if o.Status != job.RemoteRunning || o.Progress < 5 || o.RunningAt.IsZero() {
		return 0
	}
	return max(now.Sub(o.RunningAt)*time.Duration(100-o.Progress)/time.Duration(o.Progress), 0)
}

// newFailure describes a refused call as a failure of the job.
func newFailure(kind job.FailureKind, err error, now time.Time) job.Failure {
	f := job.Failure{Kind: kind, Text: err.Error(), Time: now}
	if e, ok := errors.AsType[*bitmovin.APIError](err); ok {
		f.Code, f.HTTPStatus, f.RequestID = e.Code, e.Status, e.RequestID
		f.Text = e.Message
		if f.Text == "" {
			f.Text = http.StatusText(e.Status)
		}
		for _, m := range e.Details {
			if m.Text != "" {
				f.Messages = append(f.Messages, m.Text)
			}
		}
	}
	return f
}
