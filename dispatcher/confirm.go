package dispatcher

import (
	"context"

	"github.com/stokerd/stoker/bitmovin"
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
//     and shows it CREATED; and it must hold no other one.
//
// All other jobs wait. So do a template's: nothing of theirs is there to prove that the
// platform would find what was started.

// recent reports whether a batch was submitted since the process began.
func (d *driver) recent(batchID string) bool {
	b := d.batches[batchID]
	return b != nil && !d.turnedBack && b.CreateTime.After(d.loaded)
}

// confirm asks the platform whether a configured job has been started without the job table
// knowing. What it finds of that is adopted.
func (d *driver) confirm(ctx context.Context, e entry) outcome {
	var o outcome
	if !d.listing.usable(bitmovin.ParamName) {
		return o
	}
	own, listed := false, 0
	var others []bitmovin.Encoding
	query := bitmovin.ListEncodings{Name: encodingName(&e.job), SkipTotalCount: true}
	o.called = true
	o.platform = d.listing.raw(ctx, query, func(found bitmovin.Encoding) (bool, error) {
		if listed++; found.Name != query.Name {
			return listed >= pageSize, nil // the platform takes no notice of the name
		}
		if string(found.ID) == e.job.EncodingID {
			own = found.Status == bitmovin.StatusCreated
			return false, nil
		}
		ours, err := d.own(ctx, found)
		if ours {
			others = append(others, found)
		}
		return false, err
	})
	if o.platform != nil {
		return o
	}
	unknown, err := d.strangers(ctx, others)
	for _, other := range unknown {
		if err == nil {
			err = d.claim(ctx, other)
		}
	}
	if err != nil {
		o.platform = err
		return o
	}
	if own && len(unknown) == 0 && listed < pageSize {
		o.certain = true
		return o
	}
	o.job, o.store = d.store.Job(ctx, e.job.ID)
	return o
}
