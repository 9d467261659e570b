package simulator

import "time"

// taskBody answers GET .../status of an encoding or a manifest.
type taskBody struct {
	ID         string        `json:"id"`
	Status     Status        `json:"status"`
	Progress   int           `json:"progress"`
	ETA        *float64      `json:"eta,omitempty"` // seconds
	CreatedAt  string        `json:"createdAt"`
	QueuedAt   string        `json:"queuedAt,omitempty"`
	RunningAt  string        `json:"runningAt,omitempty"`
	FinishedAt string        `json:"finishedAt,omitempty"`
	ErrorAt    string        `json:"errorAt,omitempty"`
	Subtasks   []subtask     `json:"subtasks"`
	Messages   []taskMessage `json:"messages"`
	Error      *TaskError    `json:"error,omitempty"`
}

type subtask struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Status     Status `json:"status"`
	Progress   int    `json:"progress"`
	CreatedAt  string `json:"createdAt"`
	StartedAt  string `json:"startedAt,omitempty"`
	FinishedAt string `json:"finishedAt,omitempty"`
	Messages   []any  `json:"messages"`
	Metadata   []any  `json:"metadata"`
}

type taskMessage struct {
	ID   string `json:"id"`
	Date string `json:"date"`
	Type string `json:"type"`
	Text string `json:"text"`
}

// renderTask renders the latest run as it is at a moment.
func (enc *encoding) renderTask(moment time.Time) taskBody {
	t := taskBody{
		ID: enc.id, Status: enc.status, Progress: enc.progress(moment),
		CreatedAt: timestamp(enc.createdAt), QueuedAt: timestamp(enc.queuedAt),
		RunningAt: timestamp(enc.runningAt), FinishedAt: timestamp(enc.finishedAt),
		Subtasks: enc.renderSubtasks(moment), Messages: []taskMessage{},
	}
	if enc.status == Running {
		t.ETA = new(enc.remaining(moment).Seconds())
	}
	if enc.status == Error {
		t.ErrorAt = t.FinishedAt
	}
	if enc.status.Ended() {
		t.Error = enc.outcome.Error
	}
	for _, m := range enc.messages {
		t.Messages = append(t.Messages, taskMessage{m.ID, timestamp(m.Date), m.Type, m.Text})
	}
	return t
}

// renderSubtasks renders the steps of the latest run, one after the other. Before RUNNING there
// are none.
func (enc *encoding) renderSubtasks(moment time.Time) []subtask {
	list := []subtask{}
	if enc.runningAt.IsZero() {
		return list
	}
	done := enc.elapsed(moment)
	from := 0.0
	for _, step := range []struct {
		name string
		to   float64
	}{
		{"Input file download", 0.05},
		{"Input file analysis", 0.10},
		{"Encoding", 1},
	} {
		at := func(share float64) string {
			return timestamp(enc.runningAt.Add(scale(enc.duration, share)))
		}
		sub := subtask{
			ID: derivedID(enc.id, step.name), Name: step.name, Status: Queued,
			CreatedAt: timestamp(enc.runningAt), Messages: []any{}, Metadata: []any{},
		}
		switch {
		case done >= step.to || enc.status == Finished || enc.status == TransferError:
			sub.Status, sub.Progress = Finished, 100
			sub.StartedAt, sub.FinishedAt = at(from), at(step.to)
		case done >= from:
			sub.Status, sub.StartedAt = enc.status, at(from)
			sub.Progress = int(100 * (done - from) / (step.to - from))
			if enc.status.Ended() {
				sub.FinishedAt = timestamp(enc.finishedAt)
			}
		}
		list = append(list, sub)
		from = step.to
	}
	return list
}

func scale(d time.Duration, by float64) time.Duration {
	return time.Duration(float64(d) * by)
}

// elapsed returns the share of its duration that the latest run has had, from 0 to 1.
func (enc *encoding) elapsed(moment time.Time) float64 {
	if enc.runningAt.IsZero() {
		return 0
	}
	end := moment
	if !enc.finishedAt.IsZero() {
		end = enc.finishedAt
	}
	return min(1, float64(end.Sub(enc.runningAt))/float64(max(1, enc.duration)))
}

// progress returns the progress of the latest run in percent. While RUNNING it is at most 99.
func (enc *encoding) progress(moment time.Time) int {
	switch enc.status {
	case Finished, TransferError:
		return 100
	case Running:
		return min(99, int(100*enc.elapsed(moment)))
	case Error, Canceled:
		return int(100 * enc.elapsed(moment))
	}
	return 0
}

// remaining returns how much of its duration a running encoding has left.
func (enc *encoding) remaining(moment time.Time) time.Duration {
	return max(0, enc.runningAt.Add(enc.duration).Sub(moment))
}
