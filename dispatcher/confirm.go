package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// Before a new process has compared the platform with the job table, a job that waits may
// have been started all the same: the table may be a backup that was put back. Usually that
// takes a second. Where everybody's encodings have to be listed it may take a quarter of an
// hour, and meanwhile two kinds of jobs are certain not to have been started:
//
//   - The jobs of a batch that was submitted since the process began. No encoding can bear
//     their names.
//   - A configured job, after the platform was asked for its name: the answer has to hold
//     the job's own encoding, which proves that the platform finds encodings by that name,
//     and shows it CREATED, or as its last run left it; and it must hold no other one.
//   - A template's job, after the platform was asked for the name of its next attempt and
//     has none: once it has found a witness, an encoding of another template's job that is
//     there, by its name.
//
// All other jobs wait.

// recent reports whether a batch was submitted since the process began.
func (d *driver) recent(batchID string) bool {
	b := d.batches[batchID]
	return b != nil && !d.turnedBack && b.CreateTime.After(d.loaded)
}

// confirmation is an answer to the question whether a job has been started.
type confirmation struct {
	name    string // of the encoding that was asked for
	certain bool   // it has not
}

// nextName is the name of the encoding that the next start of a job would be of, or make.
func (d *driver) nextName(j *job.Job) string {
	if !d.templated(j.ID.Batch) {
		return provision.EncodingName(j)
	}
	next := *j
	next.Attempt++
	return provision.AttemptName(&next)
}

// witness is an encoding that was made from a template and is at the platform.
type witness struct{ name, encoding string }

// findWitness returns one of those that are followed; false if there is none.
func (d *driver) findWitness() (w witness, ok bool) {
	for _, e := range d.live {
		if e.job.EncodingID != "" && e.job.State.OnPlatform() && !e.unclear() && d.templated(e.job.ID.Batch) {
			return witness{provision.AttemptName(&e.job), e.job.EncodingID}, true
		}
	}
	return witness{}, false
}

// spawnConfirm asks about a job that waits. What a template's job needs for it is found
// here, where it is known.
func (d *driver) spawnConfirm(ctx context.Context, id job.ID, now time.Time) {
	w, ok := d.findWitness()
	j := d.waiting(id)
	name := d.nextName(&j)
	d.spawn(ctx, taskConfirm, id, now, func(ctx context.Context, e entry) outcome {
		o := d.worker.confirm(ctx, e, name, w, ok)
		o.confirmation.name = name
		return o
	})
}

// confirm asks the platform whether a job that waits has been started without the job table
// knowing. What it finds of that is adopted.
func (w *worker) confirm(ctx context.Context, e entry, name string, seen witness, hasWitness bool) outcome {
	template := e.batch.Template != nil
	if !w.listing.usable(bitmovin.ParamName) || template && !hasWitness {
		return outcome{}
	}
	o := outcome{called: true}
	proven := false
	if template {
		if proven, o.platform = w.testifies(ctx, seen); o.platform != nil || !proven {
			return o
		}
	}
	var others []bitmovin.Encoding
	listed, err := w.listNamed(ctx, name, func(found bitmovin.Encoding) (enough bool, err error) {
		if string(found.ID) == e.job.EncodingID {
			proven = found.Status == bitmovin.StatusCreated || e.job.Stale(listedObservation(found))
			return false, nil
		}
		ours, err := w.own(ctx, found)
		if ours {
			others = append(others, found)
		}
		return false, err
	})
	var unknown []bitmovin.Encoding
	if err == nil {
		unknown, err = w.strangers(ctx, others)
	}
	for _, other := range unknown {
		if err == nil {
			err = w.claim(ctx, other)
		}
	}
	if err != nil {
		o.platform = err
		return o
	}
	if proven && len(unknown) == 0 && listed < pageSize {
		o.confirmation.certain = true
		return o
	}
	o.job, o.store = w.store.Job(ctx, e.job.ID)
	return o
}

// testifies reports whether the platform finds a witness by its name.
func (w *worker) testifies(ctx context.Context, seen witness) (found bool, err error) {
	_, err = w.listNamed(ctx, seen.name, func(e bitmovin.Encoding) (enough bool, err error) {
		found = found || string(e.ID) == seen.encoding
		return false, nil
	})
	return found, err
}

// listNamed hands over the encodings with a name until visit has enough, and returns how many
// the platform listed.
func (w *worker) listNamed(ctx context.Context, name string, visit func(bitmovin.Encoding) (enough bool, err error)) (listed int, err error) {
	query := bitmovin.ListEncodings{Name: name, SkipTotalCount: true}
	err = w.listing.raw(ctx, query, func(found bitmovin.Encoding) (enough bool, err error) {
		if listed++; found.Name != name {
			return listed >= pageSize, nil // the platform takes no notice of the name
		}
		return visit(found)
	})
	return listed, err
}

// listedObservation is what a list shows of an encoding.
func listedObservation(e bitmovin.Encoding) job.Observation {
	o := job.Observation{
		EncodingID: string(e.ID), Progress: int(e.Progress),
		QueuedAt: e.QueuedAt.Time, RunningAt: e.RunningAt.Time, FinishedAt: e.FinishedAt.Time,
	}
	o.Status, o.Unknown = remote(e.Status)
	return o
}
