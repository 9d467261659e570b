package notifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/notifier"
	"github.com/stokerd/stoker/store"
)

// receivers stand in for the network. They answer by the host of the URL.
type receivers struct {
	mu     sync.Mutex
	answer map[string]func(*http.Request) (status int, err error)
	got    []received
}

// received is a request that arrived.
type received struct {
	host, id, event string
	at              time.Duration // since the test began
	header          http.Header
	body            []byte
}

func (r *receivers) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var m struct{ Type string }
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.got = append(r.got, received{req.URL.Host, req.Header.Get("webhook-id"), m.Type, time.Since(epoch), req.Header, body})
	answer := r.answer[req.URL.Host]
	r.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		if status, err = answer(req); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

// set has a host answer in another way from now on.
func (r *receivers) set(host string, answer func(*http.Request) (int, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer[host] = answer
}

// times are when a host got requests.
func (r *receivers) times(host string) []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var times []time.Duration
	for _, g := range r.got {
		if g.host == host {
			times = append(times, g.at.Round(time.Second))
		}
	}
	return times
}

func (r *receivers) requests(host string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []received
	for _, g := range r.got {
		if g.host == host {
			list = append(list, g)
		}
	}
	return list
}

func always(status int) func(*http.Request) (int, error) {
	return func(*http.Request) (int, error) { return status, nil }
}

// silent answers nothing until the caller gives up.
func silent(req *http.Request) (int, error) {
	<-req.Context().Done()
	return 0, req.Context().Err()
}

// epoch is when every bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a job table, a notifier, and receivers.
type world struct {
	t         *testing.T
	path      string
	store     *store.Store
	table     store.NotificationTable
	key       notification.Key
	receivers *receivers
	accounts  atomic.Pointer[[]job.AccountStatus]
	full      atomic.Bool // ends of attempts cannot be noted
	notifier  *notifier.Notifier
	stop      func() // stops the notifier and closes the job table
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "stoker.db"), key: notification.NewKey(),
		receivers: &receivers{answer: map[string]func(*http.Request) (int, error){}},
	}
	w.start()
	return w
}

// start opens the job table and runs a notifier, as a process does.
func (w *world) start() {
	w.t.Helper()
	w.store = jobtable.Open(w.t, w.path)
	w.table = store.NewNotificationTable(w.store)
	w.notifier = notifier.New(notifier.Config{
		Store: fullTable{w.table, &w.full}, Transport: w.receivers, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)), UserAgent: "stoker/test",
		Secrets: func(e notification.Endpoint, now time.Time) ([]notification.Secret, error) {
			return w.key.Secrets(e.Keys, now)
		},
		AccountStatuses: w.accountStatuses,
	})
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = w.notifier.Run(ctx) // it returns nil
	}()
	w.stop = func() {
		cancel(errors.New("stop"))
		<-stopped
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// endpoint makes an endpoint at https://NAME.
func (w *world) endpoint(name string, events ...notification.Event) notification.Secret {
	w.t.Helper()
	secret, key, err := w.key.NewSecret(time.Now())
	w.must(err)
	w.must(w.table.CreateEndpoint(w.t.Context(), notification.Endpoint{
		Name: name, URL: "https://" + name, Events: events, Keys: []notification.SecretKey{key}, CreateTime: time.Now(), UpdateTime: time.Now(),
	}))
	return secret
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// finish ends a batch, which is a change that endpoints are told of.
func (w *world) finish() job.Batch {
	w.t.Helper()
	b, _, err := w.store.Submit(w.t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}}, time.Now())
	w.must(err)
	return b
}

func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// same compares what a test got.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestDelivers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		secret := w.endpoint("ops", notification.BatchFinished)
		b := w.finish()
		w.sleep(time.Second)
		got := w.receivers.requests("ops")
		if len(got) != 1 {
			t.Fatalf("%d requests, want 1", len(got))
		}
		webhook, err := standardwebhooks.NewWebhook(secret.Reveal())
		w.must(err)
		// The library takes the time of the bubble for now.
		w.must(webhook.Verify(got[0].body, got[0].header))
		same(t, "content type and agent", got[0].header.Get("Content-Type")+" "+got[0].header.Get("User-Agent"), "application/json stoker/test")
		want := fmt.Sprintf(`{"type":"batch.finished","timestamp":"2000-01-01T00:00:00.000Z","data":{"account":"default","batch_id":%q,"batch_number":1,"revision":1,"state":"SUCCEEDED",`+
			`"counts":{"waiting":0,"starting":0,"queued":0,"running":0,"succeeded":0,"failed":0,"cancelling":0,"cancelled":0}}}`, b.ID)
		same(t, "body", string(got[0].body), want)
		same(t, "counts", w.notifier.Counts(), map[notifier.Counted]int64{{Event: notification.BatchFinished, Outcome: notifier.OutcomeDelivered}: 1})
	})
}

// The schedule of retries, to the second, with one id throughout.
func TestRetries(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		w.endpoint("ops", notification.BatchFinished)
		w.receivers.set("ops", always(http.StatusServiceUnavailable))
		w.finish()
		w.sleep(40 * time.Hour)
		var want []time.Duration
		at := time.Duration(0)
		for _, pause := range []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour} {
			at += pause
			want = append(want, at)
		}
		same(t, "attempts", w.receivers.times("ops"), want)
		ids := map[string]bool{}
		for _, g := range w.receivers.requests("ops") {
			ids[g.id] = true
		}
		same(t, "ids", len(ids), 1)
		list, err := w.table.Deliveries(t.Context(), notification.DeliveryFilter{Endpoint: "ops"})
		w.must(err)
		same(t, "the delivery", []any{list[0].State, list[0].Attempts, list[0].Problem}, []any{notification.Failed, 8, "answered 503 Service Unavailable"})

		// It is asked for once more, and the receiver is well again.
		w.receivers.set("ops", nil)
		_, err = w.table.Redeliver(t.Context(), notification.DeliveryFilter{Endpoint: "ops", IDs: []string{list[0].ID}}, time.Now())
		w.must(err)
		w.sleep(time.Second)
		same(t, "attempts", len(w.receivers.times("ops")), 9)
		e, err := w.table.Endpoint(t.Context(), "ops")
		w.must(err)
		same(t, "failing since", e.FailingSince, time.Time{})
	})
}

func TestDisables(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		for _, name := range []string{"gone", "dead", "well"} {
			w.endpoint(name, notification.BatchFinished)
		}
		w.receivers.set("gone", always(http.StatusGone))
		w.receivers.set("dead", func(*http.Request) (int, error) { return 0, errors.New("connection refused") })
		for range 11 { // half a day each
			w.finish()
			w.sleep(12 * time.Hour)
		}
		same(t, "attempts at what is gone", len(w.receivers.times("gone")), 1)
		same(t, "attempts at what is well", len(w.receivers.times("well")), 11)
		for name, want := range map[string]string{"gone": "it answered 410 Gone", "dead": "no success for 5 days", "well": ""} {
			e, err := w.table.Endpoint(t.Context(), name)
			w.must(err)
			same(t, name, []any{e.Disabled, e.DisabledReason}, []any{want != "", want})
		}
		pending, err := w.table.Deliveries(t.Context(), notification.DeliveryFilter{Endpoint: "dead", States: []notification.DeliveryState{notification.Pending}})
		w.must(err)
		same(t, "pending to what is disabled", len(pending), 0)
		before := len(w.receivers.times("dead"))
		w.finish()
		w.sleep(20 * time.Hour)
		same(t, "attempts after it was disabled", len(w.receivers.times("dead")), before)
		_, err = w.table.UpdateEndpoint(t.Context(), "dead", func(e *notification.Endpoint) error { e.Enable(); return nil })
		w.must(err)
		w.receivers.set("dead", nil)
		w.finish()
		w.sleep(time.Second)
		same(t, "attempts after it was enabled", len(w.receivers.times("dead")), before+1)
	})
}

// A receiver that answers nothing holds up its own messages and no others.
func TestSlowReceiver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		w.endpoint("slow", notification.BatchFinished)
		w.endpoint("fast", notification.BatchFinished)
		w.receivers.set("slow", silent)
		const batches = 20
		for range batches {
			w.finish()
		}
		w.sleep(2 * time.Second)
		same(t, "at the fast one", len(w.receivers.times("fast")), batches)
		same(t, "at the slow one", len(w.receivers.times("slow")), 4)
		w.sleep(10 * time.Second)
		list, err := w.table.Deliveries(t.Context(), notification.DeliveryFilter{Endpoint: "slow"})
		w.must(err)
		same(t, "the oldest", list[batches-1].Problem, "no answer within 10s")
	})
}

// Jobs that fail one after the other reach the receiver at most once a second, all of them, and in few large messages
// while it is away.
func TestJoins(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		w.endpoint("ops", notification.JobFailed)
		const jobs = 400
		b := w.submitted(jobs)
		next := int64(0)
		fail := func(n int, pause time.Duration) {
			for range n {
				next++
				w.fail(b, next)
				time.Sleep(pause)
			}
		}
		fail(100, 50*time.Millisecond) // 5 s
		w.sleep(2 * time.Second)
		first := len(w.receivers.times("ops"))
		if first < 4 || first > 6 {
			t.Errorf("%d messages in five seconds, want about 5", first)
		}
		w.receivers.set("ops", always(http.StatusBadGateway))
		fail(200, time.Second)
		w.sleep(time.Minute)
		if n := len(w.receivers.times("ops")) - first; n > 5 {
			t.Errorf("%d attempts while the receiver was away, want a few", n)
		}
		w.receivers.set("ops", nil)
		fail(100, 10*time.Millisecond)
		w.sleep(30 * time.Minute)
		list, err := w.table.Deliveries(t.Context(), notification.DeliveryFilter{Endpoint: "ops"})
		w.must(err)
		total := int64(0)
		for _, d := range list {
			same(t, "state", d.State, notification.Delivered)
			total += d.JobCount
		}
		same(t, "jobs", total, int64(jobs))
		if len(list) > 15 {
			t.Errorf("%d messages, want few", len(list))
		}
	})
}

// submitted stores a batch with jobs that are running.
func (w *world) submitted(jobs int) job.Batch {
	w.t.Helper()
	specs := make([]job.Spec, jobs)
	for i := range specs {
		specs[i] = job.Spec{InputPath: "in", OutputPath: fmt.Sprint("out/", i)}
	}
	b, _, err := w.store.Submit(w.t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs}, time.Now())
	w.must(err)
	return b
}

// fail has a job fail for good.
func (w *world) fail(b job.Batch, number int64) {
	w.t.Helper()
	_, err := w.store.UpdateJob(w.t.Context(), job.ID{Batch: b.ID, Number: number}, time.Now(), func(u *job.Update) error {
		return u.ConfigureRefused("", job.Failure{Text: "no"}, job.Rules{}, time.Now())
	})
	w.must(err)
}

// A process that dies between the commit and the delivery, or between the delivery and its record, leaves it to the next.
func TestRestart(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ops", notification.BatchFinished)
		w.receivers.set("ops", silent)
		w.finish()
		w.sleep(time.Second) // under way
		w.stop()
		same(t, "attempts", len(w.receivers.times("ops")), 1)

		w.store = jobtable.Open(t, w.path) // nobody delivers
		b := w.finish()
		w.must(w.store.Close())

		w.receivers.set("ops", nil)
		w.start()
		defer func() { w.stop() }()
		w.sleep(time.Second)
		got := w.receivers.requests("ops")
		if len(got) != 3 {
			t.Fatalf("%d requests, want 3", len(got))
		}
		again, other := got[1], got[2] // in either order: notifications are not ordered
		if again.id != got[0].id {
			again, other = other, again
		}
		same(t, "the one that was cut off came again", again.id, got[0].id)
		if !strings.Contains(string(other.body), b.ID) {
			t.Errorf("the other is %s, want it about %s", other.body, b.ID)
		}
	})
}

// While a secret is rotated, receivers with the old one and with the new one can verify. Then the old one ends.
func TestRotation(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		old := w.endpoint("ops", notification.BatchFinished)
		fresh, key, err := w.key.NewSecret(time.Now())
		w.must(err)
		_, err = w.table.UpdateEndpoint(t.Context(), "ops", func(e *notification.Endpoint) error {
			e.Keys = notification.Rotate(e.Keys, key, time.Hour, time.Now())
			return nil
		})
		w.must(err)
		verify := func(secret notification.Secret) bool {
			webhook, err := standardwebhooks.NewWebhook(secret.Reveal())
			w.must(err)
			got := w.receivers.requests("ops")
			last := got[len(got)-1]
			return webhook.Verify(last.body, last.header) == nil
		}
		w.finish()
		w.sleep(time.Second)
		same(t, "during the overlap, by the old and by the new one", []bool{verify(old), verify(fresh)}, []bool{true, true})
		w.sleep(time.Hour)
		w.finish()
		w.sleep(time.Second)
		same(t, "after it", []bool{verify(old), verify(fresh)}, []bool{false, true})

		// Another key makes other secrets: nothing is sent that nobody could verify.
		before := len(w.receivers.times("ops"))
		w.key = notification.NewKey()
		w.finish()
		w.sleep(time.Second)
		same(t, "with another key", len(w.receivers.times("ops")), before)
		list, err := w.table.Deliveries(t.Context(), notification.DeliveryFilter{Endpoint: "ops", Limit: 1})
		w.must(err)
		same(t, "problem", list[0].Problem, notification.ErrOtherKey.Error())
	})
}

// accountStatuses are the statuses that were last set.
func (w *world) accountStatuses() []job.AccountStatus {
	if all := w.accounts.Load(); all != nil {
		return *all
	}
	return nil
}

func TestAccounts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		w.endpoint("ops", notification.AccountUnavailable, notification.AccountAvailable)
		set := func(breaker job.BreakerState, queued int) {
			w.accounts.Store(&[]job.AccountStatus{{ID: "default", Breaker: breaker, BreakerReason: "503", BreakerSince: time.Now(), PlatformQueuedCount: queued}})
		}
		events := func() []string {
			var list []string
			for _, g := range w.receivers.requests("ops") {
				list = append(list, g.event)
			}
			return list
		}
		set(job.BreakerClosed, -1) // nothing is known yet
		w.sleep(time.Minute)
		set(job.BreakerOpen, -1)
		w.sleep(5 * time.Second) // a hiccup
		set(job.BreakerClosed, 0)
		w.sleep(time.Minute)
		same(t, "events", events(), []string(nil))
		set(job.BreakerOpen, 0)
		w.sleep(15 * time.Second)
		same(t, "events", events(), []string{"account.unavailable"})
		w.sleep(time.Hour)
		set(job.BreakerClosed, 0)
		w.sleep(15 * time.Second)
		same(t, "events", events(), []string{"account.unavailable", "account.available"})
	})
}

func TestSendsATest(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() { w.stop() }()
		w.endpoint("ops", notification.BatchFinished)
		e, err := w.table.Endpoint(t.Context(), "ops")
		w.must(err)
		a := w.notifier.Test(t.Context(), e)
		same(t, "accepted", []any{a.Delivered(), a.HTTPStatus}, []any{true, 204})
		w.receivers.set("ops", always(http.StatusFound))
		a = w.notifier.Test(t.Context(), e)
		same(t, "redirected", a.Problem, "answered 302 Found: redirects are not followed; change the URL of the endpoint")
		same(t, "requests", len(w.receivers.times("ops")), 2)
	})
}
