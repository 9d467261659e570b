package dispatcher

import (
	"log/slog"
	"time"

	"github.com/stokerd/stoker/job"
)

// waitLogInterval is how long the log does not repeat a wait code: some come and go.
const waitLogInterval = time.Minute

// slowReconcile is how long it may take to compare the platform with the job table before the
// log says so.
const slowReconcile = 10 * time.Second

// waitLog writes to the log why the account starts nothing.
type waitLog struct {
	last job.Wait
	code job.WaitCode // that was logged last
	time time.Time    // when it was
}

// note logs why the account starts nothing when that has changed, in the same words as the
// account's status. A full queue and an empty job table are the normal state; the breaker and a
// refusal for a full queue are logged where they happen.
func (w *waitLog) note(s *job.AccountStatus, now time.Time, log *slog.Logger) {
	wait := s.ExplainWait(now)
	switch wait.Code {
	case "", job.WaitIdle, job.WaitQueueFull, job.WaitConfiguring, job.WaitBackoff, job.WaitCounting, job.WaitBreaker, job.WaitPlatformFull:
		wait = job.Wait{}
	}
	if wait.Code == job.WaitReconciling && now.Sub(wait.Since) < slowReconcile {
		wait = job.Wait{}
	}
	if wait.Code == w.last.Code {
		return
	}
	w.last = wait
	if wait.Code == "" || wait.Code == w.code && now.Sub(w.time) < waitLogInterval {
		return
	}
	w.code, w.time = wait.Code, now
	log.Info("nothing is started for now", "code", string(wait.Code), "why", wait.String())
}
