package service

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/job"
)

// readiness says whether the service is ready to take calls: not while it stops, and not while the job table
// cannot be written. Below the floor of the disk it is ready and degraded: it takes no submissions, and watches
// and cancels. The platform does not matter: without it batches are taken as well.
type readiness struct {
	// stopping is not set before [Service.Run]: a call that arrives then is not refused, but waits in the listener.
	stopping atomic.Bool
	log      *slog.Logger
	// probe writes to the job table.
	probe func(context.Context) error
	// degraded says why no submissions are taken; empty if they are. Nil: they always are.
	degraded func(context.Context) string
	// quiet is how long there may be no transaction before one is made, and patience how long the job table may be
	// away before the service is not ready: a database fails over meanwhile.
	quiet, patience time.Duration

	mu       sync.Mutex
	latest   time.Time // of the latest transaction
	broken   error     // why it was not written; nil if it was
	since    time.Time // when the first transaction was not written since the latest one that was
	probeDue time.Time // no probe before
}

const (
	// A job table in a file that cannot be written is noticed on a quiet service as well, after fileQuiet. A database
	// is away more often, and comes back by itself.
	fileQuiet, databaseQuiet, databasePatience = time.Minute, 2 * time.Second, 5 * time.Second
	// probeInterval is the shortest time between two probes, and probeTime how long one may take.
	probeInterval, probeTime = time.Second, 3 * time.Second
)

// noteCommit notes how a transaction of the job table ended. An error that is not the table's says nothing.
func (r *readiness) noteCommit(err error) {
	if err != nil && !job.TableTrouble(err) {
		return
	}
	r.note(err)
}

// note notes whether the job table could be written just now. It tells the log when that changes.
func (r *readiness) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.patience == 0 { // a database is told of where its connections are
		r.tell(err)
	}
	r.latest, r.broken = time.Now(), err
	switch {
	case err == nil:
		r.since = time.Time{}
	case r.since.IsZero():
		r.since = r.latest
	}
}

// tell writes a line when the job table cannot be written any more, or again. The caller holds r.mu.
func (r *readiness) tell(err error) {
	switch {
	case err != nil && (r.broken == nil || job.ExplainTableTrouble(r.broken) != job.ExplainTableTrouble(err)):
		r.log.Error("the job table cannot be written: calls that change something are refused, and nothing is started", "why", job.ExplainTableTrouble(err), "err", err)
	case err == nil && r.broken != nil:
		r.log.Info("the job table can be written again", "since", r.since)
	}
}

// awayTooLong returns why the job table cannot be written, once that has been so for longer than the patience.
func (r *readiness) awayTooLong() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil && time.Since(r.since) >= r.patience {
		return r.broken
	}
	return nil
}

// check reports whether the service is ready, and why not.
func (r *readiness) check(ctx context.Context) (ready bool, text string) {
	if r.stopping.Load() {
		return false, "stopping"
	}
	why, quiet := r.whyDegraded(ctx), r.quiet
	if why != "" {
		quiet = probeInterval // the disk may be full by now
	}
	if err := r.checkTable(ctx, quiet); err != nil {
		return false, job.ExplainTableTrouble(err)
	}
	if why != "" {
		return true, "degraded: " + why
	}
	return true, "ok"
}

// checkTable returns why the job table cannot be written. It tries that itself if the latest transaction
// failed, or was made longer ago than quiet.
func (r *readiness) checkTable(ctx context.Context, quiet time.Duration) error {
	r.mu.Lock()
	now := time.Now()
	known := r.broken == nil && now.Sub(r.latest) < quiet || now.Before(r.probeDue)
	if !known {
		r.probeDue = now.Add(probeInterval)
	}
	r.mu.Unlock()
	if known {
		return r.awayTooLong()
	}
	probing, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if err := r.probe(probing); err != nil && ctx.Err() == nil { // one that was made is noted by noteCommit
		r.note(err)
	}
	return r.awayTooLong()
}

// trouble returns why the latest transaction of the job table was not written; nil if it was.
func (r *readiness) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

// writable reports whether the latest transaction of the job table was written.
func (r *readiness) writable() bool { return r.trouble() == nil }

// whyDegraded says why no submissions are taken; empty if they are.
func (r *readiness) whyDegraded(ctx context.Context) string {
	if r.degraded == nil {
		return ""
	}
	return r.degraded(ctx)
}
