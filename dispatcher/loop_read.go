package dispatcher

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// maxOrphansRead is how many orphans the loop reads at once, beside those that it knows.
const maxOrphansRead = 100

// refreshInterval is how often the line and the settings are read although nobody says that they have
// changed: a wakeup may be lost. What a lost one said of jobs in flight is seen by the next sweep.
const refreshInterval = time.Minute

// load reads what an earlier process has left in the job table, and picks up the steps that it
// had begun.
func (l *accountLoop) load(ctx context.Context) error {
	now := l.now()
	if err := l.readSettings(ctx); err != nil {
		return err
	}
	if err := l.readDailyStarts(ctx, now); err != nil {
		return err
	}
	if err := l.worker.encodings.load(ctx, l.store.InstanceID()); err != nil {
		return err
	}
	l.reconciliation.loadTime, l.worker.loadTime = now, now
	changed, err := l.store.ReconcileSince(ctx, l.accountID)
	l.reconciliation.clockTurnedBack = err != nil || changed.After(now) // reconciling meets the error again
	if err := l.readInFlight(ctx, now); err != nil {
		return err
	}
	for id, t := range l.jobs.tracked {
		var pickUp func(*job.Update) error
		switch t.job.Step {
		case job.StepCreate:
			// The earlier process may have created an encoding. A sweep finds and deletes it; the
			// job begins anew.
			pickUp = func(u *job.Update) error { return u.CreateAbandoned("", now) }
		case job.StepStart:
			// The start may have waited for the budget of the key, and have been sent just before
			// that process ended: the settle time begins now.
			pickUp = func(u *job.Update) error { return u.StartUnknown(now) }
		default:
			continue
		}
		j, err := l.store.UpdateJob(ctx, id, now, pickUp)
		if err != nil {
			return err
		}
		l.jobs.track(j, now)
	}
	for encoding := range l.jobs.preparedEncodings() {
		l.reconciliation.inherited[encoding] = true
	}
	l.outdated.nextJobs, l.outdated.orphans = true, true
	l.queue.nextTime, l.reconciliation.due = now, now
	return nil
}

// read reads again from the job table whatever l.outdated names, and what has become due.
func (l *accountLoop) read(ctx context.Context, now time.Time) error {
	if now.Sub(l.refreshTime) >= refreshInterval {
		l.refreshTime = now
		l.outdated.settings, l.outdated.dailyStarts, l.outdated.nextJobs = true, true, true
	}
	if l.outdated.settings {
		if err := l.readSettings(ctx); err != nil {
			return err
		}
	}
	if l.outdated.dailyStarts || l.dailyStarts.usedUp() && !l.dailyStarts.dayEnd().After(now) {
		if err := l.readDailyStarts(ctx, now); err != nil {
			return err
		}
		l.outdated.dailyStarts = false
	}
	if l.outdated.inFlight {
		if err := l.readInFlight(ctx, now); err != nil {
			return err
		}
	}
	for id := range l.outdated.batches {
		if err := l.readChangedBatch(ctx, id, now); err != nil {
			return err
		}
		delete(l.outdated.batches, id)
	}
	for id := range l.outdated.jobs {
		if err := l.readChangedJob(ctx, id, now); err != nil {
			return err
		}
		delete(l.outdated.jobs, id)
	}
	if l.outdated.orphans {
		if err := l.readOrphans(ctx, now); err != nil {
			return err
		}
	}
	if late, _ := findLateBatches(l, now); !slices.Equal(late, l.lateBatches) {
		l.lateBatches, l.outdated.nextJobs = late, true
	}
	if l.outdated.nextJobs || l.line.isOutdated(l.lineNeeded(l.limit.wanted, now), now) || (!l.nextDueTime.IsZero() && !l.nextDueTime.After(now)) {
		return l.readNextJobs(ctx, now)
	}
	return nil
}

// readSettings reads the account settings, pause and queue target, and takes over the target.
func (l *accountLoop) readSettings(ctx context.Context) error {
	s, err := l.store.AccountSettings(ctx, l.accountID)
	if err != nil {
		return err
	}
	l.settings = s
	if fixed := targetInForce(l).Number; fixed != 0 {
		l.limit.setTarget(fixed)
	}
	l.outdated.settings = false
	return nil
}

// readDailyStarts reads how many starts the account has made today, and the principals that have a limit.
func (l *accountLoop) readDailyStarts(ctx context.Context, now time.Time) error {
	changed, err := l.principals.readAgain(ctx, l.store, now)
	if err != nil {
		return err
	}
	l.outdated.nextJobs = l.outdated.nextJobs || changed
	if l.dailyStarts.max == 0 {
		return nil
	}
	starts, err := l.store.DailyStarts(ctx, l.accountID, now)
	if err != nil {
		return err
	}
	before := l.dailyStarts.usedUp()
	l.dailyStarts.counted = starts
	if l.dailyStarts.usedUp() && !before {
		l.log.Warn("the account has made all starts that it may make in a day; it starts the next one tomorrow (UTC), or when it is resumed",
			"limit", l.dailyStarts.max, "until", l.dailyStarts.dayEnd())
	}
	return nil
}

// readInFlight tracks every job that has, or may have, an encoding at the platform. All batches are
// read anew after it.
func (l *accountLoop) readInFlight(ctx context.Context, now time.Time) error {
	jobs, err := l.store.JobsInFlight(ctx, l.accountID)
	if err != nil {
		return err
	}
	for id := range l.jobs.batches {
		l.outdated.batches[id] = true
	}
	seen := make(map[job.ID]bool, len(jobs))
	for _, j := range jobs {
		seen[j.ID] = true
		if j.State == job.Queued {
			if _, err := l.jobs.readBatch(ctx, l.store, j.ID.Batch); err != nil { // for its priority
				return err
			}
		}
		l.jobs.track(j, now)
	}
	for id, t := range l.jobs.tracked {
		if !seen[id] && t.task == taskNone && t.notBefore.Before(now) {
			l.jobs.remove(t) // cancelled, or deleted with its batch
		}
	}
	l.outdated.inFlight = false
	return nil
}

// readNextJobs reads the waiting jobs that are next in dispatch order, without those of skipped
// batches.
func (l *accountLoop) readNextJobs(ctx context.Context, now time.Time) error {
	read := func(id string) (*batch, error) { return l.jobs.readBatch(ctx, l.store, id) }
	skipped, err := l.batchBackoffs.skipped(read, now)
	if err != nil {
		return err
	}
	for _, id := range l.lateBatches {
		b, err := read(id)
		switch {
		case errors.Is(err, job.ErrNotFound): // deleted meanwhile
		case err != nil:
			return err
		default:
			skipped.whileOthers = append(skipped.whileOthers, b.Seq)
		}
	}
	limit := 2 * l.lineNeeded(l.limit.wanted, now)
	jobs, err := readLine(ctx, l, skipped, limit, now)
	if err == nil && len(jobs) < limit {
		jobs, err = appendMisdated(ctx, l, jobs, now, limit, skipped.always)
	}
	if err != nil {
		return err
	}
	due, err := l.store.NextDueTime(ctx, l.accountID, now)
	if err != nil {
		return err
	}
	if l.line.count() == 0 && len(jobs) > 0 && !l.queue.time.IsZero() {
		// The queue was counted only rarely while there was nothing to start.
		l.queue.time, l.queue.nextTime = time.Time{}, l.queue.time.Add(minCountInterval)
	}
	l.line, l.nextDueTime, l.outdated.nextJobs = newLine(jobs, limit, now), earlier(due, earlier(skipped.until, l.principals.until(now))), false
	return nil
}

// appendMisdated adds the jobs whose back-off ends later than any back-off can: the machine's clock was ahead when it
// began, and has been put right since. They would wait for years.
func appendMisdated(ctx context.Context, l *accountLoop, jobs []job.Job, now time.Time, limit int, skipped []int64) ([]job.Job, error) {
	until := now.Add(job.LongestBackoff)
	misdated, err := l.store.NextDueTime(ctx, l.accountID, until)
	if err != nil || misdated.IsZero() {
		return jobs, err
	}
	list, err := l.store.NextJobs(ctx, l.accountID, misdated, limit, job.Except{Batches: skipped, Principals: l.principals.listUsedUp(now)})
	if err != nil {
		return nil, err
	}
	for _, j := range list {
		if j.NextAttemptTime.After(until) {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// readLine reads the jobs that are next, without those of skipped batches and of principals that have made all of
// their starts of the day. It also reads the batches of the jobs.
func readLine(ctx context.Context, l *accountLoop, skipped skippedBatches, limit int, now time.Time) ([]job.Job, error) {
	for {
		except := job.Except{Batches: slices.Concat(skipped.always, skipped.whileOthers), Principals: l.principals.listUsedUp(now)}
		jobs, err := l.store.NextJobs(ctx, l.accountID, now, limit, except)
		if err == nil && len(jobs) == 0 && len(skipped.whileOthers) > 0 {
			except.Batches = skipped.always
			jobs, err = l.store.NextJobs(ctx, l.accountID, now, limit, except)
		}
		if err != nil {
			return nil, err
		}
		batches, err := l.jobs.readBatchesOf(ctx, l.store, jobs)
		if err != nil {
			return nil, err
		}
		reached, err := l.principals.readNew(ctx, l.store, batches, now)
		if err != nil || !reached {
			return jobs, err
		}
	}
}

// readOrphans reads the orphans.
func (l *accountLoop) readOrphans(ctx context.Context, now time.Time) error {
	limit := maxOrphansRead + len(l.orphans) // the platform may not delete those, and others are behind them
	orphans, err := l.store.Orphans(ctx, l.accountID, limit)
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if l.orphans[o.EncodingID] == nil {
			l.orphans[o.EncodingID] = &orphanDeletion{notBefore: now}
		}
	}
	l.outdated.orphans, l.moreOrphans = false, len(orphans) == limit
	return nil
}
