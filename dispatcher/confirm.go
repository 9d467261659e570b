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

// submittedSinceLoad reports whether a batch was submitted since the process began.
func (d *accountLoop) submittedSinceLoad(batchID string) bool {
	b := d.batches[batchID]
	return b != nil && !d.clockTurnedBack && b.CreateTime.After(d.loadTime)
}

// confirmation is an answer to the question whether a job has been started.
type confirmation struct {
	name    string // of the encoding that was asked for
	certain bool   // it has not
}

// nextEncodingName is the name of the encoding that the next start of a job would be of, or make.
func (d *accountLoop) nextEncodingName(j *job.Job) string {
	if !d.hasTemplate(j.ID.Batch) {
		return provision.EncodingName(j)
	}
	next := *j
	next.Attempt++
	return provision.AttemptName(&next)
}

// referenceEncoding is an encoding that was made from a template and is at the platform.
type referenceEncoding struct{ name, encoding string }

// findReference returns one of those that are followed; false if there is none.
func (d *accountLoop) findReference() (w referenceEncoding, ok bool) {
	for _, e := range d.tracked {
		if e.job.EncodingID != "" && e.job.State.OnPlatform() && !e.cannotBePolled() && d.hasTemplate(e.job.ID.Batch) {
			return referenceEncoding{provision.AttemptName(&e.job), e.job.EncodingID}, true
		}
	}
	return referenceEncoding{}, false
}

// spawnConfirm asks about a job that waits. What a template's job needs for it is found
// here, where it is known.
func (d *accountLoop) spawnConfirm(ctx context.Context, id job.ID, now time.Time) {
	w, ok := d.findReference()
	j := d.findNextJob(id)
	name := d.nextEncodingName(&j)
	d.spawnJobTask(ctx, taskConfirm, id, now, func(ctx context.Context, e trackedJob) outcome {
		o := d.worker.confirmNotStarted(ctx, e, name, w, ok)
		o.confirmation.name = name
		return o
	})
}

// confirmNotStarted asks the platform whether a job that waits has been started without the job table
// knowing. What it finds of that is adopted.
func (w *worker) confirmNotStarted(ctx context.Context, e trackedJob, name string, seen referenceEncoding, hasWitness bool) outcome {
	template := e.batch.Template != nil
	if !w.encodings.usable(bitmovin.ParamName) || template && !hasWitness {
		return outcome{}
	}
	o := outcome{called: true}
	proven := false
	if template {
		if proven, o.callErr = w.findsReference(ctx, seen); o.callErr != nil || !proven {
			return o
		}
	}
	var others []bitmovin.Encoding
	listed, err := w.listByName(ctx, name, func(found bitmovin.Encoding) (enough bool, err error) {
		if string(found.ID) == e.job.EncodingID {
			proven = found.Status == bitmovin.StatusCreated || e.job.Stale(listedObservation(found))
			return false, nil
		}
		ours, err := w.owns(ctx, found)
		if ours {
			others = append(others, found)
		}
		return false, err
	})
	var unknown []bitmovin.Encoding
	if err == nil {
		unknown, err = w.selectUnknown(ctx, others)
	}
	for _, other := range unknown {
		if err == nil {
			err = w.reconcileUnknown(ctx, other)
		}
	}
	if err != nil {
		o.callErr = err
		return o
	}
	if proven && len(unknown) == 0 && listed < pageSize {
		o.confirmation.certain = true
		return o
	}
	o.job, o.storeErr = w.store.Job(ctx, e.job.ID)
	return o
}

// findsReference reports whether the platform finds a witness by its name.
func (w *worker) findsReference(ctx context.Context, seen referenceEncoding) (found bool, err error) {
	_, err = w.listByName(ctx, seen.name, func(e bitmovin.Encoding) (enough bool, err error) {
		found = found || string(e.ID) == seen.encoding
		return false, nil
	})
	return found, err
}

// listByName hands over the encodings with a name until visit has enough, and returns how many
// the platform listed.
func (w *worker) listByName(ctx context.Context, name string, visit func(bitmovin.Encoding) (enough bool, err error)) (listed int, err error) {
	query := bitmovin.ListEncodings{Name: name, SkipTotalCount: true}
	err = w.encodings.eachListed(ctx, query, func(found bitmovin.Encoding) (enough bool, err error) {
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
	o.Status, o.Unknown = statusOf(e.Status)
	return o
}
