package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// defineInterval is how often the client is asked whether the platform's definitions of errors
// are out of date. It fetches them once a day, and sooner only if they could not be had.
const defineInterval = time.Hour

// spawnDefine has the platform's definitions of errors fetched. Nothing depends on them:
// whatever becomes of the calls is no one's trouble.
func (d *driver) spawnDefine(ctx context.Context, now time.Time) {
	if !d.worker.defines || d.stopping || !d.breaker.closed() || d.busy[taskDefine] > 0 || d.defineDue.After(now) {
		return
	}
	d.busy[taskDefine]++
	d.beside(func() func() {
		d.worker.define(ctx)
		return func() {
			d.busy[taskDefine]--
			d.defineDue = d.now().Add(defineInterval)
		}
	})
}

func (w *worker) define(ctx context.Context) {
	if err := w.account.Client.LoadDefinitions(ctx); err != nil && ctx.Err() == nil {
		w.log.Info("the platform's definitions of errors cannot be had", "err", err)
	}
}

// explain completes the error of a failed run. Whether it may be retried depends on the hint: if
// that is missing, the definitions are waited for.
func (w *worker) explain(ctx context.Context, t *bitmovin.Task) {
	if w.defines && t.Error != nil && t.Error.RetryHint == "" {
		w.define(ctx)
		w.account.Client.Explain(t)
	}
}
