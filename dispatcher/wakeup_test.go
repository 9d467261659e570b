package dispatcher

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/webhook"
)

// hookKey is the key with which webhooks are signed.
const hookKey = bitmovin.Secret("signed-with-this")

// delivery is a webhook on its way from the platform.
type delivery struct {
	path, signature string
	body            []byte
}

// sign returns the webhook with another body, signed with a key.
func (l delivery) sign(key bitmovin.Secret, body []byte) delivery {
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write(body)
	l.body, l.signature = body, hex.EncodeToString(mac.Sum(nil))
	return l
}

// webhookCarrier carries webhooks from the platform to the receiver, without a network.
type webhookCarrier struct {
	mux *http.ServeMux
	// carry is called for each webhook, to deliver it or not. Nil delivers each.
	carry func(p *webhookCarrier, l delivery)
	held  []delivery

	mu  sync.Mutex
	log []delivery
}

func (p *webhookCarrier) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := delivery{r.URL.Path, r.Header.Get(bitmovin.SignatureHeader), body}
	p.log = append(p.log, l)
	if p.carry == nil {
		p.deliver(l)
	} else {
		p.carry(p, l)
	}
	answer := httptest.NewRecorder()
	answer.WriteHeader(http.StatusOK)
	return answer.Result(), nil
}

func (p *webhookCarrier) deliver(l delivery) {
	r := httptest.NewRequest(http.MethodPost, l.path, bytes.NewReader(l.body))
	r.Header.Set(bitmovin.SignatureHeader, l.signature)
	p.mux.ServeHTTP(httptest.NewRecorder(), r)
}

// webhooks is the status of the account's webhooks.
func (w *world) webhooks() job.Webhooks {
	w.t.Helper()
	a, _ := w.store.AccountStatus("default")
	if a.Webhooks == nil {
		w.t.Fatal("the account takes no webhooks")
	}
	return *a.Webhooks
}

// listen registers webhooks at the platform and runs their receiver.
func (w *world) listen(p *webhookCarrier) {
	w.t.Helper()
	client, err := bitmovin.New(bitmovin.Options{APIKey: w.apiKey, HTTPClient: w.sim.Client(), Governor: w.governor})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := webhook.New(webhook.Config{
		URL: "https://stoker.example", Store: w.store,
		Accounts: []webhook.Account{{ID: "default", Key: hookKey, Platform: client}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p.mux = http.NewServeMux()
	p.mux.Handle(webhook.Pattern, r)
	ctx, cancel := context.WithCancelCause(w.ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = r.Run(ctx) }) // Run never returns an error
	w.t.Cleanup(func() {
		cancel(nil)
		group.Wait()
	})
	time.Sleep(10 * time.Second) // the governor allows one such call a second
	if s := w.webhooks(); s.Problem != "" {
		w.t.Fatalf("webhooks: %s", s.Problem)
	}
}

// fates lets k1 to k5 fail in different ways; k1 succeeds in its third attempt, and all others in
// their first.
func fates(e simulator.Encoding, run int) simulator.Outcome {
	key, _, _ := strings.Cut(e.Name, " ")
	switch {
	case key == "k1" && run <= 2, key == "k5":
		return broken(simulator.Retry)
	case key == "k2":
		return broken(simulator.NoRetry)
	case key == "k3":
		return simulator.Outcome{Status: simulator.TransferError}
	case key == "k4":
		return simulator.Outcome{Status: simulator.Canceled}
	}
	return simulator.Outcome{}
}

// ending is how a job ended.
type ending struct {
	Key     string
	State   job.State
	Attempt int
	Failure job.FailureKind
	Code    int
}

func endings(jobs []job.Job) (all []ending) {
	for _, j := range jobs {
		e := ending{Key: j.Key, State: j.State, Attempt: j.Attempt}
		if j.Failure != nil {
			e.Failure, e.Code = j.Failure.Kind, j.Failure.Code
		}
		all = append(all, e)
	}
	return all
}

// Whatever happens to webhooks, and whatever they claim, the jobs end as without any.
func TestWebhooksChangeNothing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		off     bool
		foreign int // encodings of other people
		deliver func(simulator.Delivery) int
		carry   func(*webhookCarrier, delivery)
		// want reports whether the receiver got the webhooks that the case is about.
		want func(job.Webhooks) bool
	}{
		{name: "none", off: true},
		{
			name: "all",
			want: func(s job.Webhooks) bool { return s.UsedCount > 15 && s.IgnoredCount+s.RejectedCount == 0 },
		},
		{
			name: "lost", deliver: func(simulator.Delivery) int { return 0 },
			want: func(s job.Webhooks) bool { return s == job.Webhooks{} },
		},
		{
			name: "doubled", deliver: func(simulator.Delivery) int { return 2 },
			want: func(s job.Webhooks) bool { return s.UsedCount > 15 && s.IgnoredCount == s.UsedCount },
		},
		{
			name: "late", carry: func(p *webhookCarrier, l delivery) { time.AfterFunc(3*time.Minute, func() { p.deliver(l) }) },
			want: func(s job.Webhooks) bool { return s.UsedCount > 5 && s.IgnoredCount+s.RejectedCount == 0 },
		},
		{
			name: "too late", carry: func(p *webhookCarrier, l delivery) { time.AfterFunc(11*time.Minute, func() { p.deliver(l) }) },
			want: func(s job.Webhooks) bool { return s.UsedCount == 0 && s.IgnoredCount > 0 },
		},
		{
			name: "out of order", carry: func(p *webhookCarrier, l delivery) {
				if p.held = append(p.held, l); len(p.held) == 3 {
					slices.Reverse(p.held)
					for _, l := range p.held {
						p.deliver(l)
					}
					p.held = nil
				}
			},
			want: func(s job.Webhooks) bool { return s.UsedCount >= 15 },
		},
		{
			name: "forged", carry: func(p *webhookCarrier, l delivery) {
				p.deliver(l.sign("guessed", l.body))
				p.deliver(delivery{l.path, l.signature, bytes.Replace(l.body, []byte("FINISHED"), []byte("ERROR"), 1)[1:]})
				p.deliver(delivery{path: l.path, body: l.body})
			},
			want: func(s job.Webhooks) bool { return s.UsedCount == 0 && s.RejectedCount > 45 },
		},
		{
			name: "false claims with the right key", carry: func(p *webhookCarrier, l delivery) {
				// Each webhook repeats all earlier ones with the opposite event.
				for i, old := range p.log {
					lie := bytes.ReplaceAll(old.body, []byte(`"eventId":"`), append([]byte(`"eventId":"`), byte('a'+i%26), byte('a'+len(p.log)%26)))
					lie = bytes.ReplaceAll(lie, []byte("ENCODING_FINISHED"), []byte("ENCODING_LOST"))
					lie = bytes.ReplaceAll(lie, []byte("ENCODING_ERROR"), []byte("ENCODING_FINISHED"))
					p.deliver(l.sign(hookKey, lie))
				}
			},
			want: func(s job.Webhooks) bool { return s.UsedCount > 100 },
		},
		{
			name: "about other people's", foreign: 4,
			want: func(s job.Webhooks) bool { return s.UsedCount > 19 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			way := &webhookCarrier{carry: tt.carry}
			sim := &simulator.Simulator{
				Seed: 1, Encoders: 4, Duration: 90 * time.Second, Outcome: fates, QueueLimit: -1,
				Deliver: tt.deliver, WebhookClient: &http.Client{Transport: way},
			}
			inWorld(t, sim, func(w *world) {
				w.poll = 30 * time.Second
				w.run()
				if !tt.off {
					w.listen(way)
				}
				w.addForeignStarts(tt.foreign)
				b := w.awaitEnd(w.submit(16, nil).ID, 2*time.Hour)
				if diff := cmp.Diff(wantEndings(), endings(w.jobs(b.ID))); diff != "" {
					w.t.Errorf("jobs (-want +got):\n%s", diff)
				}
				w.auditExcept("foreign", b.ID)
				if tt.off {
					return
				}
				time.Sleep(20 * time.Minute) // for late webhooks
				if s := w.webhooks(); !tt.want(s) {
					w.t.Errorf("webhooks %+v: the test shows nothing", s)
				}
			})
		})
	}
}

// wantEndings is how 16 jobs with the outcomes of fates end.
func wantEndings() []ending {
	all := []ending{
		{Key: "k1", State: job.Succeeded, Attempt: 3},
		{Key: "k2", State: job.Failed, Attempt: 1, Failure: job.FailedEncoding, Code: 10006},
		{Key: "k3", State: job.Failed, Attempt: 1, Failure: job.FailedTransfer},
		{Key: "k4", State: job.Cancelled, Attempt: 1},
		{Key: "k5", State: job.Failed, Attempt: 3, Failure: job.FailedEncoding, Code: 10006},
	}
	for key := range strings.FieldsSeq("k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16") {
		all = append(all, ending{Key: key, State: job.Succeeded, Attempt: 1})
	}
	return all
}

// addForeignStarts starts encodings of other people.
func (w *world) addForeignStarts(n int) {
	w.t.Helper()
	other, err := bitmovin.New(bitmovin.Options{
		APIKey: func() (string, error) { return "other", nil }, HTTPClient: w.sim.Client(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for range n {
		w.startForeign(other)
	}
}

// An early failure is seen at once with webhooks, and without them when the running encodings are
// listed the next time.
func TestWebhooksShowAnEarlyFailure(t *testing.T) {
	seen := func(hooks bool) (lag time.Duration) {
		early := broken(simulator.NoRetry)
		early.After = 20 * time.Second
		way := new(webhookCarrier)
		sim := &simulator.Simulator{
			Seed: 1, Duration: time.Hour, Outcome: failWith("k1", 1, early), WebhookClient: &http.Client{Transport: way},
		}
		inWorld(t, sim, func(w *world) {
			w.poll = 2 * time.Minute
			w.run()
			if hooks {
				w.listen(way)
			}
			b := w.awaitEnd(w.submit(1, nil).ID, time.Hour)
			j := w.jobs(b.ID)[0]
			e, _ := w.sim.FindEncoding(j.EncodingID)
			lag = j.FinishTime.Sub(e.FinishedAt)
		})
		return lag
	}
	if with, without := seen(true), seen(false); with > 100*time.Millisecond || without < 10*time.Second {
		t.Errorf("seen after %v with webhooks and %v without, want at most 100ms and at least 10s", with, without)
	}
}

// Many hints about one encoding lead to few polls, hints about unknown encodings and accounts to
// none, and no more than maxHints are kept.
func TestHint(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: 10 * time.Minute}, func(w *world) {
		w.poll = time.Hour
		w.run()
		b := w.submit(1, nil)
		w.await(b.ID, time.Minute, "a running job", func(b job.Batch) bool { return b.Counts.Running == 1 })
		id := w.jobs(b.ID)[0].EncodingID
		const route = "GET /encoding/encodings/{id}/status"
		before := w.calls(route)
		for range 100 {
			w.store.HintEncoding("default", id)
		}
		for _, other := range []string{"", "no-such-encoding"} {
			w.store.HintEncoding("default", other)
		}
		w.store.HintEncoding("no-such-account", id)
		synctest.Wait()
		if polls := w.calls(route) - before; polls < 1 || polls > 3 {
			w.t.Errorf("%d polls after 100 hints for one encoding, want 1 to 3", polls)
		}
		w.halt()
		for i := range 2 * maxHints {
			w.store.HintEncoding("default", fmt.Sprint(id, i))
		}
		if n := len(w.disp.loops["default"].hints.encodings); n != maxHints {
			w.t.Errorf("%d hints are kept after the end, want %d", n, maxHints)
		}
	})
}

// A hint that comes while its encoding is being polled leads to another poll: the first one may
// have been answered before the encoding changed.
func TestHintDuringAPoll(t *testing.T) {
	hints, pending := newHintQueue(), map[string]bool{}
	polls := &pollSchedule{jobs: newJobTracker(time.Now())}
	pollHinted := func(now time.Time) {
		hints.moveTo(pending)
		pending = polls.pollHinted(pending, now)
	}
	now := time.Now()
	e := polls.jobs.add(job.Job{ID: job.ID{Batch: "b", Number: 1}, EncodingID: "e"}, now.Add(time.Hour))
	e.task = taskPoll
	hints.add("e")
	pollHinted(now)
	if !e.nextPoll.After(now) {
		t.Error("the poll that is under way was changed")
	}
	e.task = taskNone
	pollHinted(now)
	if e.nextPoll.After(now) {
		t.Error("the hint was lost")
	}
	e.nextPoll = now.Add(time.Hour)
	pollHinted(now)
	if !e.nextPoll.After(now) {
		t.Error("one hint led to two polls")
	}
	e.notBefore = now.Add(time.Minute)
	hints.add("e")
	pollHinted(now)
	if !e.nextPoll.After(now) {
		t.Error("the hint ended a pause after a failure")
	}
}
