package dispatcher

import (
	"context"

	"github.com/stokerd/stoker/bitmovin"
)

// confirmNotStarted asks the platform whether a waiting job has been started without the job
// table knowing, by the name that its encoding would have; see reconciliation. Encodings that the
// platform finds and the job table does not know are reconciled at once.
func (w *worker) confirmNotStarted(ctx context.Context, t trackedJob, name string, reference referenceEncoding, hasReference bool) outcome {
	template := t.batch.Template != nil
	if !w.encodings.usable(bitmovin.ParamName) || template && !hasReference {
		return outcome{}
	}
	o := outcome{called: true}
	proven := false
	if template {
		if proven, o.callErr = w.findsReference(ctx, reference); o.callErr != nil || !proven {
			return o
		}
	}
	var others []bitmovin.Encoding
	listed, err := w.encodings.eachNamed(ctx, name, func(found bitmovin.Encoding) (enough bool, err error) {
		if string(found.ID) == t.job.EncodingID {
			proven = found.Status == bitmovin.StatusCreated || t.job.Stale(listedObservation(found))
			return false, nil
		}
		own, err := w.encodings.owns(ctx, found)
		if own {
			others = append(others, found)
		}
		return false, err
	})
	var unknown []bitmovin.Encoding
	if err == nil {
		unknown, err = w.selectUnknown(ctx, others)
	}
	if err == nil {
		err = w.reconcileAll(ctx, unknown, 1)
	}
	if err != nil {
		o.callErr = err
		return o
	}
	if proven && len(unknown) == 0 && listed < pageSize {
		o.confirmation.notStarted = true
		return o
	}
	o.job, o.storeErr = w.store.Job(ctx, t.job.ID)
	return o
}

// findsReference reports whether the platform finds a reference encoding by its name.
func (w *worker) findsReference(ctx context.Context, reference referenceEncoding) (found bool, err error) {
	_, err = w.encodings.eachNamed(ctx, reference.name, func(e bitmovin.Encoding) (enough bool, err error) {
		found = found || string(e.ID) == reference.encoding
		return false, nil
	})
	return found, err
}
