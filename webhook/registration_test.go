package webhook_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/webhook"
)

// platform is a simulator with a client for it.
type platform struct {
	t      *testing.T
	sim    *simulator.Simulator
	client *bitmovin.Client
	broken atomic.Bool // answers 503 to everything
	deaf   atomic.Bool // registers, and answers 503
}

const base = "https://stoker.example/hooks/"

var triggers = []bitmovin.WebhookTrigger{bitmovin.OnFinished, bitmovin.OnError, bitmovin.OnTransferError}

// onPlatform runs a test on a simulator in a bubble of its own.
func onPlatform(t *testing.T, test func(p *platform)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		p := &platform{t: t}
		sim := &simulator.Simulator{
			Seed: 1,
			Fault: func(c simulator.Call) (f simulator.Fault) {
				if p.broken.Load() {
					f.Kind = simulator.JSONFault
				}
				if p.deaf.Load() && c.Method == http.MethodPost {
					f.Kind, f.After = simulator.JSONFault, true
				}
				return f
			},
		}
		defer sim.Close()
		client, err := bitmovin.New(bitmovin.Options{
			APIKey: func() (string, error) { return "key", nil }, HTTPClient: sim.Client(),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.sim, p.client = sim, client
		test(p)
	})
}

// running is a receiver that keeps its webhooks registered.
type running struct {
	board    *board
	receiver *webhook.Receiver
	stop     func()
}

// start runs a receiver until stop is called.
func (p *platform) start(key bitmovin.Secret) running {
	p.t.Helper()
	shown := &board{}
	r, err := webhook.New(webhook.Config{
		URL: base, Store: shown, Logger: slog.New(slog.NewTextHandler(p.t.Output(), nil)),
		Accounts: []webhook.Account{{ID: "a", Key: key, Platform: p.client}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(p.t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	time.Sleep(20 * time.Second)
	return running{shown, r, func() {
		cancel(nil)
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	}}
}

func (r running) problem() string {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return r.board.webhooks.Problem
}

// board keeps how the webhooks of the one account stand.
type board struct {
	mu       sync.Mutex
	webhooks job.Webhooks
}

func (b *board) HintEncoding(string, string) {}

func (b *board) PublishWebhooks(_ string, w job.Webhooks) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.webhooks = w
}

func (b *board) RemoveWebhooks(string) {}

// hooks lists the webhooks of a trigger.
func (p *platform) hooks(t bitmovin.WebhookTrigger) []bitmovin.Webhook {
	p.t.Helper()
	hooks, err := p.client.ListWebhooks(p.t.Context(), t)
	if err != nil {
		p.t.Fatal(err)
	}
	return hooks
}

// create registers a webhook as somebody else would.
func (p *platform) create(t bitmovin.WebhookTrigger, url, description string) bitmovin.WebhookID {
	p.t.Helper()
	created, err := p.client.CreateWebhook(p.t.Context(), t, bitmovin.Webhook{URL: url, Description: description})
	if err != nil {
		p.t.Fatal(err)
	}
	return created.ID
}

// ids joins the ids of all webhooks.
func (p *platform) ids() string {
	p.t.Helper()
	var all []string
	for _, t := range triggers {
		for _, h := range p.hooks(t) {
			all = append(all, string(h.ID))
		}
	}
	return strings.Join(all, " ")
}

func TestRegistersEachTriggerOnce(t *testing.T) {
	onPlatform(t, func(p *platform) {
		p.start(key).stop()
		before := p.ids()
		for _, trigger := range triggers {
			hooks := p.hooks(trigger)
			if len(hooks) != 1 || hooks[0].URL != "https://stoker.example/hooks/webhooks/bitmovin/a" || hooks[0].Method != http.MethodPost {
				p.t.Errorf("%s: %+v", trigger, hooks)
			}
			if strings.Contains(hooks[0].Description, string(key)) {
				p.t.Error("the description tells the key")
			}
		}
		again := p.start(key)
		time.Sleep(time.Hour)
		again.stop()
		if after := p.ids(); after != before {
			p.t.Errorf("webhooks are %s, were %s before another start", after, before)
		}
		if problem := again.problem(); problem != "" {
			p.t.Errorf("problem %q", problem)
		}
	})
}

func TestAnotherKeyReplacesOurWebhooks(t *testing.T) {
	onPlatform(t, func(p *platform) {
		p.start(key).stop()
		url := p.hooks(bitmovin.OnError)[0].URL
		other := p.create(bitmovin.OnError, "https://other.example", "stoker key 00000000")
		for range 3 { // five in all: there is no room for another
			p.create(bitmovin.OnError, url, "stoker key 00000000")
		}
		p.start("another key, as long").stop()
		hooks := p.hooks(bitmovin.OnError)
		if len(hooks) != 2 || hooks[0].ID != other || hooks[1].URL != url {
			p.t.Errorf("webhooks are %v, want other people's and one of ours", hooks)
		}
	})
}

func TestSomebodysOwnWebhookIsEnough(t *testing.T) {
	onPlatform(t, func(p *platform) {
		own := p.create(bitmovin.OnFinished, webhook.Address(base, "a"), "by hand")
		p.start(key).stop()
		if hooks := p.hooks(bitmovin.OnFinished); len(hooks) != 1 || hooks[0].ID != own {
			p.t.Errorf("webhooks are %v, want %s alone", hooks, own)
		}
	})
}

func TestNoRoomForAWebhook(t *testing.T) {
	onPlatform(t, func(p *platform) {
		var last bitmovin.WebhookID
		for range 5 {
			last = p.create(bitmovin.OnError, "https://other.example", "")
		}
		r := p.start(key)
		defer r.stop()
		if problem := r.problem(); !strings.Contains(problem, "register for error") || !strings.Contains(problem, "five webhooks") {
			p.t.Errorf("problem %q", problem)
		}
		if len(p.hooks(bitmovin.OnTransferError)) != 1 {
			p.t.Error("one trigger that is full keeps the others from being registered")
		}
		if err := p.client.DeleteWebhook(p.t.Context(), bitmovin.OnError, last); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(time.Minute + 20*time.Second)
		if problem := r.problem(); problem != "" || len(p.hooks(bitmovin.OnError)) != 5 {
			p.t.Errorf("problem %q although there is room", problem)
		}
	})
}

func TestWebhooksComeBack(t *testing.T) {
	onPlatform(t, func(p *platform) {
		r := p.start(key)
		defer r.stop()
		muted, deleted := p.hooks(bitmovin.OnFinished)[0].ID, p.hooks(bitmovin.OnError)[0].ID
		other := p.create(bitmovin.OnFinished, "https://other.example", "")
		p.mute(muted)
		p.mute(other)
		if err := p.client.DeleteWebhook(p.t.Context(), bitmovin.OnError, deleted); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(10*time.Minute + 20*time.Second)
		if !strings.Contains(r.problem(), "in a row") {
			p.t.Errorf("problem %q, want that deliveries had failed", r.problem())
		}
		if len(p.hooks(bitmovin.OnError)) != 1 {
			p.t.Error("a deleted webhook was not registered again")
		}
		notifications, err := p.client.Notifications(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		for _, n := range notifications {
			if n.Muted != (n.ID == other) {
				p.t.Errorf("webhook %s: muted %v", n.ID, n.Muted)
			}
		}
		time.Sleep(10*time.Minute + 20*time.Second)
		if problem := r.problem(); problem != "" {
			p.t.Errorf("problem %q after ten good minutes", problem)
		}
	})
}

// mute stands in for ten failed deliveries.
func (p *platform) mute(id bitmovin.WebhookID) {
	p.t.Helper()
	// The client has no call for it: nothing in this module wants to mute.
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, bitmovin.DefaultBaseURL+"/notifications/"+string(id)+"/mute", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", "key")
	answer, err := p.sim.Client().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("mute: %s, %v", answer.Status, err)
	}
}

// An outage costs nothing but the registration, which comes when it ends.
func TestRegistrationOutlivesAnOutage(t *testing.T) {
	onPlatform(t, func(p *platform) {
		p.broken.Store(true)
		r := p.start(key)
		time.Sleep(10 * time.Minute)
		if r.problem() == "" {
			p.t.Error("no problem during an outage")
		}
		p.broken.Store(false)
		time.Sleep(time.Minute + 20*time.Second)
		if problem := r.problem(); problem != "" {
			p.t.Errorf("problem %q after the outage", problem)
		}
		r.stop()
	})
}

// A registration whose answer was lost is found, not repeated.
func TestLostAnswerToARegistration(t *testing.T) {
	onPlatform(t, func(p *platform) {
		p.deaf.Store(true)
		r := p.start(key)
		if r.problem() == "" {
			p.t.Error("no problem although every registration was answered with 503")
		}
		p.deaf.Store(false)
		time.Sleep(time.Minute + 20*time.Second)
		r.stop()
		if problem := r.problem(); problem != "" {
			p.t.Errorf("problem %q", problem)
		}
		for _, trigger := range triggers {
			if hooks := p.hooks(trigger); len(hooks) != 1 {
				p.t.Errorf("%s: %v, want one", trigger, hooks)
			}
		}
	})
}
