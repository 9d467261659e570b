package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// sweepInterval is the time between two sweeps of an account.
	sweepInterval = 10 * time.Minute
	// sweepAge protects encodings that are being configured right now: a sweep
	// leaves younger ones alone. The first sweep of a process comes before
	// anything is configured and need not.
	sweepAge = 10 * time.Minute
)

// orphanEntry is an encoding to delete.
type orphanEntry struct {
	task      taskKind
	notBefore time.Time
	failures  int
}

// spawnSweep compares the platform with the job table: an encoding that carries
// our label, was never started and belongs to no job becomes an orphan.
func (d *driver) spawnSweep(ctx context.Context) {
	d.busy[taskSweep]++
	started := time.Now()
	before := started.Add(-sweepAge)
	if !d.swept {
		before = started.Add(time.Hour) // nothing of ours is under way yet: all there is is left over
	}
	d.tasks.Go(func() {
		found, err := d.sweep(ctx, before)
		d.results <- func() { d.sweeped(found, err) }
	})
}

// sweep finds the orphans created before a time and records them.
func (d *driver) sweep(ctx context.Context, before time.Time) (found int, err error) {
	query := bitmovin.ListEncodings{
		Status: bitmovin.StatusCreated,
		Search: `labels:"` + label(d.store.InstanceID()) + `"`,
	}
	var ids []string
	for e, err := range d.account.Client.Encodings(ctx, query) {
		if err != nil {
			return 0, err
		}
		if e.CreatedAt.Before(before) {
			ids = append(ids, string(e.ID))
		}
	}
	known, err := d.store.EncodingJobs(ctx, d.account.ID, ids)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, ok := known[id]; ok {
			continue
		}
		o := job.Orphan{AccountID: d.account.ID, EncodingID: id, CreateTime: time.Now()}
		if err := d.store.AddOrphan(ctx, o); err != nil {
			return found, err
		}
		found++
	}
	return found, nil
}

func (d *driver) sweeped(found int, err error) {
	now := time.Now()
	d.swept = true
	d.busy[taskSweep]--
	d.sweepDue = now.Add(sweepInterval)
	if err != nil {
		d.observe(taskSweep, err, now)
		d.sweepDue = now.Add(time.Minute)
		d.log.Warn("cannot sweep the account", "err", err)
		return
	}
	if found > 0 {
		d.stale.orphans = true
		d.log.Info("found encodings that belong to no job", "count", found)
	}
}

// spawnDelete deletes an encoding that nobody needs.
func (d *driver) spawnDelete(ctx context.Context, id string) {
	o := d.orphans[id]
	o.task = taskDelete
	d.busy[taskDelete]++
	d.tasks.Go(func() {
		err := d.delete(ctx, bitmovin.EncodingID(id))
		if err == nil {
			err = d.store.DeleteOrphan(context.WithoutCancel(ctx), d.account.ID, id)
		}
		d.results <- func() { d.deleted(id, err) }
	})
}

// delete removes an encoding that was never started. One that turns out to have
// been started after all is stopped, and kept: it is part of the account's bill.
func (d *driver) delete(ctx context.Context, id bitmovin.EncodingID) error {
	task, err := d.account.Client.Status(ctx, id)
	switch {
	case err != nil:
	case task.Status == bitmovin.StatusCreated:
		err = d.account.Client.DeleteEncoding(ctx, id)
	case task.Status == bitmovin.StatusQueued || task.Status == bitmovin.StatusRunning:
		err = d.account.Client.StopEncoding(ctx, id)
	}
	if bitmovin.NotFound(err) {
		return nil
	}
	return err
}

func (d *driver) deleted(id string, err error) {
	now := time.Now()
	d.busy[taskDelete]--
	d.observe(taskDelete, err, now)
	if err == nil {
		delete(d.orphans, id)
		return
	}
	o := d.orphans[id]
	o.task = taskNone
	o.failures++
	o.notBefore = now.Add(pause(o.failures + 2))
	d.log.Warn("cannot delete an encoding", "encoding", id, "err", err)
}
