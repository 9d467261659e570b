package dispatcher

import (
	"log/slog"
	"time"

	"github.com/stokerd/stoker/job"
)

// problemPatience is how long an account must have a problem before the log asks somebody to look at it: most
// go away by themselves.
const problemPatience = time.Minute

// problemLog writes to the log that an account has had a problem for a while, and when it is over. Single
// failures are logged where they happen, for the record.
type problemLog struct {
	since time.Time // zero: there is no problem
	told  bool
}

// note logs a problem once it has lasted.
func (p *problemLog) note(s *job.AccountStatus, now time.Time, log *slog.Logger) {
	switch {
	case s.Problem == "":
		if p.told {
			log.Info("all jobs can be worked on again", "since", p.since)
		}
		*p = problemLog{}
	case s.Breaker != job.BreakerClosed && !p.told:
		p.since = time.Time{} // the platform does not answer, which is told as such
	case p.since.IsZero():
		p.since = now
	case !p.told && now.Sub(p.since) >= problemPatience:
		p.told = true
		log.Warn("some jobs cannot be worked on although the platform answers", "since", p.since, "why", s.Problem)
	}
}
