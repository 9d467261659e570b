package dispatcher

import (
	"errors"
	"maps"
	"slices"
	"strings"
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

// A configuration by which a storage, or a template with a secret, is no longer for the account of a batch that is
// there already: its jobs wait and say why, nothing of it is sent to the platform, and no attempt is lost. Once the
// account may use it again, they go on.
func TestReconfigureTakesARightAway(t *testing.T) {
	const hidden = "s3cr3t-of-drm"
	secret := func(name string) (string, error) {
		if name != "drm" {
			return "", errors.New("there is none")
		}
		return hidden, nil
	}
	withSecret := func(b *job.Batch) {
		ladder(t)(b)
		b.Template.Text = strings.Replace(b.Template.Text, "properties:\n", "properties:\n      description: ${secret:drm}\n", 1)
	}
	only := func(storages map[string]Storage, name string) map[string]Storage {
		s := storages[name]
		s.Accounts = []string{"other"}
		storages = maps.Clone(storages)
		storages[name] = s
		return storages
	}
	for name, tt := range map[string]struct {
		use  func(*job.Batch)
		take func(*Sources)
		text string
	}{
		"input":           {nil, func(s *Sources) { s.Inputs = only(s.Inputs, "in") }, `storage "in" is no longer for account "default"`},
		"output":          {nil, func(s *Sources) { s.Outputs = only(s.Outputs, "out") }, `storage "out" is no longer for account "default"`},
		"template output": {ladder(t), func(s *Sources) { s.Outputs = only(s.Outputs, "out") }, `storage "out" is no longer for account "default"`},
		"secret": {
			withSecret, func(s *Sources) { s.TemplateAccounts = map[string][]string{"ladder": {"other"}} },
			`template "ladder", and with it the secret "drm", is no longer for account "default"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}, func(w *world) {
				w.run()
				given := w.disp.config.Sources
				given.Secret = secret
				taken := given
				tt.take(&taken)
				account := w.disp.loops["default"].worker.account
				w.disp.Reconfigure(taken, []Account{account})
				b := w.submit(3, tt.use)
				time.Sleep(10 * time.Minute)
				b = w.batch(b.ID)
				status, _ := w.store.AccountStatus("default")
				wait := job.WaitExplainer{Now: time.Now(), Batch: &b, Account: &status}.BatchWait(nil)
				if wait.Code != job.WaitStorage || !strings.Contains(wait.Text, tt.text) {
					w.t.Errorf("it waits for %s: %s, want %s", wait.Code, wait, tt.text)
				}
				if b.Counts != (job.Counts{Waiting: 3}) || len(w.sim.Encodings()) > 0 {
					w.t.Errorf("the batch: %+v with %d encodings, want it to wait", b.Counts, len(w.sim.Encodings()))
				}
				sent := func() bool {
					return slices.ContainsFunc(w.sim.Ledger(), func(e simulator.Entry) bool { return strings.Contains(string(e.RequestBody), hidden) })
				}
				if sent() {
					w.t.Error("the platform was sent the secret")
				}
				w.disp.Reconfigure(given, []Account{account})
				if b = w.awaitEnd(b.ID, time.Hour); b.State != job.BatchSucceeded {
					w.t.Errorf("the batch is %s with %+v", b.State, b.Counts)
				}
				if uses := name == "secret"; sent() != uses {
					w.t.Errorf("the platform was sent the secret: %v, want %v", sent(), uses)
				}
				w.usedOneAttemptEach(b)
				w.audit(b.ID)
			})
		})
	}
}
