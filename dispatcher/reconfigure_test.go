package dispatcher

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A job whose back-off began while the clock was years ahead does not wait for years once the clock is right again,
// and an ordinary back-off is kept meanwhile.
func TestBackoffOfAWrongClock(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}, func(w *world) {
		b := w.submit(3, nil)
		rules := job.Rules{Retry: job.RetryPolicy{MaxRetries: 5, InitialBackoff: 20 * time.Hour, MaxBackoff: 20 * time.Hour}, Jitter: 1}
		fail := func(number int64, clock time.Time) {
			t.Helper()
			now := time.Now()
			f := job.Failure{Kind: job.FailedConfigure, Text: "refused", Time: now}
			_, err := w.store.UpdateJob(w.ctx, job.ID{Batch: b.ID, Number: number}, now, func(u *job.Update) error {
				if err := u.BeginCreate(now); err != nil {
					return err
				}
				return u.ConfigureRefused("", f, rules, clock)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		fail(1, time.Now().Add(5*365*24*time.Hour))
		fail(2, time.Now())
		w.run()
		b = w.await(b.ID, time.Hour, "two jobs to succeed", func(b job.Batch) bool { return b.Counts.Succeeded == 2 })
		if waiting := w.jobs(b.ID)[1]; waiting.State != job.Waiting {
			t.Errorf("the job with an ordinary back-off is %s", waiting.State)
		}
		if b = w.awaitEnd(b.ID, 21*time.Hour); b.State != job.BatchSucceeded {
			t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		w.audit(b.ID)
	})
}

// A new queue target, storage and limit of starts are taken up while the dispatcher runs. Jobs that are configured
// keep the output that they have.
func TestReconfigure(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Hour}, func(w *world) {
		w.target = 3
		w.run()
		b := w.submit(40, nil)
		queued := func(n int64) func(job.Batch) bool {
			return func(b job.Batch) bool { return b.Counts.Queued == n }
		}
		w.await(b.ID, time.Hour, "three queued jobs", queued(3))
		outputs := func() (n int) {
			for _, r := range w.sim.Resources() {
				if r.Type == "S3" {
					n++
				}
			}
			return n
		}
		before := outputs()
		sources := Sources{
			Inputs: map[string]Storage{"in": {Storage: bitmovin.Storage{Type: bitmovin.StorageHTTP, Host: "storage.example"}}},
			Outputs: map[string]Storage{
				"out": {Storage: bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "bucket", AccessKey: "new", SecretKey: "new"}, BasePath: "base"},
			},
		}
		account := w.disp.loops["default"].worker.account
		account.QueueTarget = 20
		w.disp.Reconfigure(sources, []Account{account, {ID: "unknown"}})
		w.await(b.ID, time.Hour, "twenty queued jobs", queued(20))
		if after := outputs(); after != before+1 {
			t.Errorf("%d outputs with the old keys, %d with the new ones as well", before, after)
		}
		account.QueueTarget, account.MaxStartsPerDay = 30, 22
		w.disp.Reconfigure(sources, []Account{account})
		time.Sleep(10 * time.Minute)
		if n := w.sim.ReadStats().Starts; n != 22 {
			t.Errorf("%d starts, and the account may make 22 a day", n)
		}
		w.halt()
	})
}
