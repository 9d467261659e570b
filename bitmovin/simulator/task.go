package simulator

import "time"

// task is the answer to a question for an encoding's status.
type task struct {
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

func (s *Simulator) task(enc *encoding) task {
	t := task{
		ID: enc.id, Status: enc.status, Progress: s.progress(enc),
		CreatedAt: timestamp(enc.createdAt), QueuedAt: timestamp(enc.queuedAt),
		RunningAt: timestamp(enc.runningAt), FinishedAt: timestamp(enc.finishedAt),
		Subtasks: s.subtasks(enc), Messages: []taskMessage{},
	}
	if enc.status == Running {
		t.ETA = new(s.eta(enc).Seconds())
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

// subtasks are the steps of a run, which follow each other.
func (s *Simulator) subtasks(enc *encoding) []subtask {
	list := []subtask{}
	if enc.runningAt.IsZero() {
		return list
	}
	done := s.elapsed(enc)
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
