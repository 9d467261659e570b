package dispatcher

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// jobsToPrepare is how many jobs to keep prepared for a queue target: enough for the
// next few free places, few enough to be thrown away without regret.
func jobsToPrepare(target int) int { return min(max(2*target, 4), 64) }

// read brings the loop's picture up to date with the job table.
func (d *accountLoop) read(ctx context.Context, now time.Time) error {
	if d.outdated.settings {
		if err := d.readSettings(ctx); err != nil {
			return err
		}
	}
	if d.outdated.dailyStarts || d.dailyStartsUsedUp() && !d.dayEnd().After(now) {
		if err := d.readDailyStarts(ctx, now); err != nil {
			return err
		}
		d.outdated.dailyStarts = false
	}
	if d.outdated.inFlight {
		if err := d.readInFlight(ctx, now); err != nil {
			return err
		}
	}
	if d.outdated.orphans {
		if err := d.readOrphans(ctx, now); err != nil {
			return err
		}
	}
	if d.outdated.nextJobs || (!d.nextDueTime.IsZero() && !d.nextDueTime.After(now)) {
		return d.readNextJobs(ctx, now)
	}
	return nil
}

func (d *accountLoop) readSettings(ctx context.Context) error {
	s, err := d.store.AccountSettings(ctx, d.account.ID)
	if err != nil {
		return err
	}
	d.settings = s
	if s.QueueTarget != 0 || !d.account.AutoTarget {
		d.limit.setTarget(cmp.Or(s.QueueTarget, d.account.QueueTarget))
	}
	d.outdated.settings = false
	return nil
}

// readInFlight adopts every job that has, or may have, something at the platform.
func (d *accountLoop) readInFlight(ctx context.Context, now time.Time) error {
	jobs, err := d.store.JobsInFlight(ctx, d.account.ID)
	if err != nil {
		return err
	}
	seen := make(map[job.ID]bool, len(jobs))
	for _, j := range jobs {
		seen[j.ID] = true
		d.track(j, now)
		if j.State == job.Queued {
			if _, err := d.readBatch(ctx, j.ID.Batch); err != nil { // for its priority
				return err
			}
		}
	}
	for id, e := range d.tracked {
		if !seen[id] && e.task == taskNone && e.notBefore.Before(now) {
			delete(d.tracked, id) // cancelled, or deleted with its batch
		}
	}
	d.outdated.inFlight = false
	return nil
}

// track takes over a job as the job table has it, unless something newer is known.
func (d *accountLoop) track(j job.Job, now time.Time) {
	e := d.tracked[j.ID]
	if e == nil {
		d.tracked[j.ID] = &trackedJob{job: j, nextPoll: now, platformPriority: unknownPriority}
		return
	}
	if j.Version > e.job.Version {
		e.job = j
	}
}

func (d *accountLoop) readNextJobs(ctx context.Context, now time.Time) error {
	aside, err := d.collectSkipped(ctx, now)
	if err != nil {
		return err
	}
	limit := jobsToPrepare(d.limit.wanted) + d.limit.wanted + d.countBackedOff(now)
	window, err := d.store.NextJobs(ctx, d.account.ID, now, limit, slices.Concat(aside.refused, aside.unanswered)...)
	if err == nil && len(window) == 0 && len(aside.unanswered) > 0 {
		window, err = d.store.NextJobs(ctx, d.account.ID, now, limit, aside.refused...)
	}
	if err != nil {
		return err
	}
	due, err := d.store.NextDueTime(ctx, d.account.ID, now)
	if err != nil {
		return err
	}
	for _, j := range window {
		if _, err := d.readBatch(ctx, j.ID.Batch); err != nil {
			return err
		}
	}
	if len(d.nextJobs) == 0 && len(window) > 0 && !d.queue.time.IsZero() {
		// Nobody has counted closely while there was nothing to start.
		d.queue.time, d.queue.nextTime = time.Time{}, d.queue.time.Add(minCountInterval)
	}
	d.nextJobs, d.nextDueTime, d.outdated.nextJobs = window, earlier(due, aside.until), false
	return nil
}

func (d *accountLoop) readOrphans(ctx context.Context, now time.Time) error {
	orphans, err := d.store.Orphans(ctx, d.account.ID, 100)
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if d.orphans[o.EncodingID] == nil {
			d.orphans[o.EncodingID] = &orphanDeletion{notBefore: now}
		}
	}
	d.outdated.orphans = false
	return nil
}
