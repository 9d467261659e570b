package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// defineInterval is how often the client is asked whether the platform's definitions of errors
// are out of date. It fetches them once a day, and sooner only if they could not be had.
const defineInterval = time.Hour

// spawnDefinitions has the platform's definitions of errors fetched. Nothing depends on them:
// whatever becomes of the calls is no one's trouble.
func (d *accountLoop) spawnDefinitions(ctx context.Context, now time.Time) {
	if !d.worker.loadsDefinitions || d.stopping || !d.breaker.closed() || d.busy[taskDefinitions] > 0 || d.definitionsDue.After(now) {
		return
	}
	d.busy[taskDefinitions]++
	d.runTask(func() func() {
		d.worker.loadDefinitions(ctx)
		return func() {
			d.busy[taskDefinitions]--
			d.definitionsDue = d.now().Add(defineInterval)
		}
	})
}

func (w *worker) loadDefinitions(ctx context.Context) {
	if err := w.account.Client.LoadDefinitions(ctx); err != nil && ctx.Err() == nil {
		w.log.Info("the platform's definitions of errors cannot be had", "err", err)
	}
}

// completeError completes the error of a failed run. Whether it may be retried depends on the hint: if
// that is missing, the definitions are waited for.
func (w *worker) completeError(ctx context.Context, t *bitmovin.Task) {
	if w.loadsDefinitions && t.Error != nil && t.Error.RetryHint == "" {
		w.loadDefinitions(ctx)
		w.account.Client.Explain(t)
	}
}
