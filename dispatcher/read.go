package dispatcher

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// aheadOf is how many jobs to keep prepared for a queue target: enough for the
// next few free places, few enough to be thrown away without regret.
func aheadOf(target int) int { return min(max(2*target, 4), 64) }

// read brings the loop's picture up to date with the job table.
func (d *driver) read(ctx context.Context, now time.Time) error {
	if d.stale.settings {
		if err := d.readSettings(ctx); err != nil {
			return err
		}
	}
	if d.stale.starts || d.ceilingReached() && !d.dayEnds().After(now) {
		if err := d.readStarts(ctx, now); err != nil {
			return err
		}
		d.stale.starts = false
	}
	if d.stale.live {
		if err := d.readLive(ctx, now); err != nil {
			return err
		}
	}
	if d.stale.orphans {
		if err := d.readOrphans(ctx, now); err != nil {
			return err
		}
	}
	if d.stale.window || (!d.nextDue.IsZero() && !d.nextDue.After(now)) {
		return d.readWindow(ctx, now)
	}
	return nil
}

func (d *driver) readSettings(ctx context.Context) error {
	s, err := d.store.AccountSettings(ctx, d.account.ID)
	if err != nil {
		return err
	}
	d.paused = s
	if s.QueueTarget != 0 || !d.account.AutoTarget {
		d.limit.aim(cmp.Or(s.QueueTarget, d.account.QueueTarget))
	}
	d.stale.settings = false
	return nil
}

// readLive adopts every job that has, or may have, something at the platform.
func (d *driver) readLive(ctx context.Context, now time.Time) error {
	jobs, err := d.store.JobsInFlight(ctx, d.account.ID)
	if err != nil {
		return err
	}
	seen := make(map[job.ID]bool, len(jobs))
	for _, j := range jobs {
		seen[j.ID] = true
		d.adopt(j, now)
		if j.State == job.Queued {
			if _, err := d.batch(ctx, j.ID.Batch); err != nil { // for its priority
				return err
			}
		}
	}
	for id, e := range d.live {
		if !seen[id] && e.task == taskNone && e.notBefore.Before(now) {
			delete(d.live, id) // cancelled, or deleted with its batch
		}
	}
	d.stale.live = false
	return nil
}

// adopt takes over a job as the job table has it, unless something newer is known.
func (d *driver) adopt(j job.Job, now time.Time) {
	e := d.live[j.ID]
	if e == nil {
		d.live[j.ID] = &entry{job: j, look: now, priority: unknownPriority}
		return
	}
	if j.Version > e.job.Version {
		e.job = j
	}
}

func (d *driver) readWindow(ctx context.Context, now time.Time) error {
	aside, err := d.asideNow(ctx, now)
	if err != nil {
		return err
	}
	limit := aheadOf(d.limit.wanted) + d.limit.wanted + d.waitingAside(now)
	window, err := d.store.NextJobs(ctx, d.account.ID, now, limit, slices.Concat(aside.refused, aside.unlucky)...)
	if err == nil && len(window) == 0 && len(aside.unlucky) > 0 {
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
		if _, err := d.batch(ctx, j.ID.Batch); err != nil {
			return err
		}
	}
	if len(d.window) == 0 && len(window) > 0 && !d.queue.time.IsZero() {
		// Nobody has counted closely while there was nothing to start.
		d.queue.time, d.queue.due = time.Time{}, d.queue.time.Add(countPace)
	}
	d.window, d.nextDue, d.stale.window = window, earlier(due, aside.until), false
	return nil
}

func (d *driver) readOrphans(ctx context.Context, now time.Time) error {
	orphans, err := d.store.Orphans(ctx, d.account.ID, 100)
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if d.orphans[o.EncodingID] == nil {
			d.orphans[o.EncodingID] = &orphanEntry{notBefore: now}
		}
	}
	d.stale.orphans = false
	return nil
}
