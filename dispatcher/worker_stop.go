package dispatcher

import (
	"context"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// requestStop asks the platform to stop a job's encoding. The next poll shows whether it did.
func (w *worker) requestStop(ctx context.Context, t trackedJob) outcome {
	j, err := w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.BeginStop(w.now()) })
	if err != nil {
		return outcome{storeErr: err}
	}
	err = w.account.Client.StopEncoding(ctx, bitmovin.EncodingID(j.EncodingID))
	return outcome{job: j, called: true, callErr: err, inconclusive: err}
}
