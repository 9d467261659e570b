package dispatcher

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

// A problem is told once it has lasted, and that it is over. While the platform does not answer, which has a line of its
// own, nothing is said of jobs that cannot be worked on although it does.
func TestProblemLog(t *testing.T) {
	for _, tt := range []struct {
		name     string
		breakers []job.BreakerState // one for every 40 s of the problem
		want     int                // lines, that of its end included
	}{
		{"short", []job.BreakerState{job.BreakerClosed, job.BreakerClosed}, 0},
		{"lasting", []job.BreakerState{job.BreakerClosed, job.BreakerClosed, job.BreakerClosed}, 2},
		{"outage", []job.BreakerState{job.BreakerClosed, job.BreakerOpen, job.BreakerOpen, job.BreakerProbing, job.BreakerOpen}, 0},
		{"after an outage", []job.BreakerState{job.BreakerOpen, job.BreakerOpen, job.BreakerClosed, job.BreakerClosed, job.BreakerClosed}, 2},
		{"outage within", []job.BreakerState{job.BreakerClosed, job.BreakerClosed, job.BreakerClosed, job.BreakerOpen, job.BreakerClosed}, 2},
	} {
		var log bytes.Buffer
		var p problemLog
		now := time.Unix(1_800_000_000, 0)
		for _, b := range tt.breakers {
			p.note(&job.AccountStatus{Problem: "HTTP 403", Breaker: b}, now, slog.New(slog.NewTextHandler(&log, nil)))
			now = now.Add(40 * time.Second)
		}
		p.note(&job.AccountStatus{Breaker: job.BreakerClosed}, now, slog.New(slog.NewTextHandler(&log, nil)))
		if got := strings.Count(log.String(), "\n"); got != tt.want {
			t.Errorf("%s: %d lines, want %d:\n%s", tt.name, got, tt.want, &log)
		}
	}
}
