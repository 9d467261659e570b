package job

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// templateRules are the rules of a batch with a template.
func templateRules() Rules {
	r := rules
	r.Template = true
	return r
}

// post starts the job from its template and has the platform make an encoding.
func (l *life) post(encoding string) {
	l.t.Helper()
	l.must((*Update).BeginTemplateStart)
	l.accepted(encoding)
}

func (l *life) accepted(encoding string) {
	l.t.Helper()
	l.must(func(u *Update, now time.Time) error { return u.TemplateAccepted(encoding, now) })
}

// found tells the job of an encoding with the name of an attempt.
func (l *life) found(encoding string, attempt int) {
	l.t.Helper()
	l.must(func(u *Update, now time.Time) error { return u.TemplateFound(encoding, attempt, now) })
}

// watch applies an observation of the job's current encoding by the rules of a template.
func (l *life) watch(o Observation) {
	l.t.Helper()
	o.EncodingID = l.job.EncodingID
	l.must(func(u *Update, now time.Time) error { return u.Observe(o, templateRules(), now) })
}

// wantAttempt checks where the job stands, in which attempt and with which encoding.
func (l *life) wantAttempt(s State, attempt int, encoding string) {
	l.t.Helper()
	l.want(s)
	if l.job.Attempt != attempt || l.job.EncodingID != encoding {
		l.t.Errorf("attempt %d with encoding %q, want attempt %d with %q", l.job.Attempt, l.job.EncodingID, attempt, encoding)
	}
}

func TestTemplateLife(t *testing.T) {
	l := newLife(t)
	l.must((*Update).BeginTemplateStart)
	l.wantAttempt(Starting, 1, "")
	if err := l.do((*Update).BeginTemplateStart); !errors.Is(err, ErrConflict) {
		t.Errorf("a second start: %v, want a conflict", err)
	}
	l.watch(Observation{Status: RemoteFinished}) // of no encoding at all
	l.wantAttempt(Starting, 1, "")
	l.accepted("e1")
	l.wantAttempt(Queued, 1, "e1")
	l.watch(Observation{Status: RemoteCreated}) // still being set up
	l.wantAttempt(Queued, 1, "e1")
	l.watch(Observation{Status: RemoteRunning, Progress: 10})
	l.watch(Observation{Status: RemoteFinished})
	l.wantAttempt(Succeeded, 1, "e1")
}

func TestTemplateAttempts(t *testing.T) {
	t.Run("each has an encoding of its own", func(t *testing.T) {
		l := newLife(t)
		for n, encoding := range []string{"e1", "e2", "e3"} {
			l.post(encoding)
			l.watch(failed(n+1, HintRetry))
		}
		l.wantAttempt(Failed, 3, "e3")
		var encodings []string
		for _, a := range l.ended {
			encodings = append(encodings, a.EncodingID)
		}
		if diff := cmp.Diff([]string{"e1", "e2", "e3"}, encodings); diff != "" {
			t.Errorf("encodings of the attempts (-want +got):\n%s", diff)
		}
		l.must((*Update).Retry)
		l.must((*Update).BeginTemplateStart)
		l.wantAttempt(Starting, 4, "")
	})
	t.Run("one that was not made is given back", func(t *testing.T) {
		l := newLife(t)
		l.must((*Update).BeginTemplateStart)
		l.must(func(u *Update, now time.Time) error { return u.StartNotMade("the queue is full", now) })
		l.wantAttempt(Waiting, 0, "")
		l.post("e1")
		l.wantAttempt(Queued, 1, "e1")
	})
	t.Run("one that never left CREATED is cleared away", func(t *testing.T) {
		l := newLife(t)
		l.post("e1")
		l.now = l.now.Add(staleEndLimit)
		l.watch(Observation{Status: RemoteCreated})
		l.wantAttempt(Waiting, 1, "")
		if diff := cmp.Diff([]string{"e1"}, l.orphans); diff != "" {
			t.Errorf("orphans (-want +got):\n%s", diff)
		}
	})
}

// An encoding that was seen queued or running has left CREATED. An answer that says
// otherwise is out of date, and no reason to begin anew.
func TestCreatedComesLate(t *testing.T) {
	for _, last := range []Remote{RemoteQueued, RemoteRunning} {
		l := newLife(t)
		l.prepare("e1")
		l.must((*Update).BeginStart)
		l.must((*Update).StartUnknown)
		l.see(Observation{Status: last, QueuedAt: l.now})
		state := l.job.State
		l.now = l.now.Add(2 * staleEndLimit)
		l.see(Observation{Status: RemoteCreated})
		l.wantAttempt(state, 1, "e1")
	}
	l := newLife(t)
	l.post("e1")
	l.watch(Observation{Status: RemoteRunning})
	l.now = l.now.Add(2 * staleEndLimit)
	l.watch(Observation{Status: RemoteCreated})
	l.wantAttempt(Running, 1, "e1")
	if len(l.orphans) > 0 {
		t.Errorf("orphans %v", l.orphans)
	}
}

// Such an answer does not confirm the end of a job that is being cancelled: its encoding has to be stopped. If the
// platform says so long after the stop, the job ends.
func TestCreatedComesLateWhileCancelling(t *testing.T) {
	for _, last := range []Observation{{Status: RemoteQueued, QueuedAt: t0}, {Status: RemoteRunning, RunningAt: t0}} {
		l := newLife(t)
		l.prepare("e1")
		l.must((*Update).BeginStart)
		l.see(last)
		l.now = l.now.Add(2 * staleEndLimit)
		l.must(func(u *Update, now time.Time) error { return u.Cancel("enough", now) })
		l.see(Observation{Status: RemoteCreated})
		l.wantAttempt(Cancelling, 1, "e1")
		l.must((*Update).BeginStop)
		l.see(Observation{Status: RemoteCreated})
		l.wantAttempt(Cancelling, 1, "e1")
		l.now = l.now.Add(staleEndLimit)
		l.see(Observation{Status: RemoteCreated})
		l.wantAttempt(Cancelled, 1, "e1")
	}
}

func TestTemplateCancelled(t *testing.T) {
	cancel := func(u *Update, now time.Time) error { return u.Cancel("enough", now) }
	t.Run("while its start is under way", func(t *testing.T) {
		l := newLife(t)
		l.must((*Update).BeginTemplateStart)
		l.must(cancel)
		l.wantAttempt(Cancelling, 1, "")
		if err := l.do((*Update).BeginStop); !errors.Is(err, ErrConflict) {
			t.Errorf("stopping what has no encoding: %v, want a conflict", err)
		}
		l.accepted("e1")
		l.must((*Update).BeginStop)
		l.watch(Observation{Status: RemoteCanceled})
		l.wantAttempt(Cancelled, 1, "e1")
	})
	t.Run("and the start did not happen", func(t *testing.T) {
		l := newLife(t)
		l.must((*Update).BeginTemplateStart)
		l.must(cancel)
		l.must(func(u *Update, now time.Time) error { return u.StartNotMade("not accepted", now) })
		l.wantAttempt(Cancelled, 0, "")
		if len(l.orphans) != 0 {
			t.Errorf("orphans %q", l.orphans)
		}
	})
}

func TestTemplateFound(t *testing.T) {
	t.Run("after its answer was lost", func(t *testing.T) {
		l := newLife(t)
		l.must((*Update).BeginTemplateStart)
		l.must((*Update).StartUnknown)
		l.found("e0", 7) // some other attempt's
		l.wantAttempt(Starting, 1, "")
		l.found("e1", 1)
		l.wantAttempt(Queued, 1, "e1")
	})
	t.Run("twice at the platform", func(t *testing.T) {
		l := newLife(t)
		l.post("e1")
		l.accepted("e1")
		l.accepted("e2")
		l.wantAttempt(Queued, 1, "e1")
		if diff := cmp.Diff([]string{"e2"}, l.orphans); diff != "" {
			t.Errorf("orphans (-want +got):\n%s", diff)
		}
	})
	t.Run("by a job table from a backup", func(t *testing.T) {
		l := newLife(t)
		l.found("e2", 2)
		l.wantAttempt(Starting, 2, "e2")
		l.now = l.now.Add(time.Hour)
		l.watch(Observation{Status: RemoteCreated}) // for longer than a start without an encoding is waited for
		l.wantAttempt(Queued, 2, "e2")
	})
	t.Run("of an attempt that has ended", func(t *testing.T) {
		l := newLife(t)
		l.post("e1")
		l.watch(failed(1, HintRetry))
		l.found("e9", 1)
		l.wantAttempt(Waiting, 1, "")
	})
}
