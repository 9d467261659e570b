package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/webhook"
)

const newKey = bitmovin.Secret("another key, as long")

// A key that was replaced is used at once for what comes, and the one before for ten minutes more.
func TestReplacedKeys(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e, sent := newEndpoint(t, "a", "b"), 0
		deliver := func(account string, key bitmovin.Secret, want int) {
			t.Helper()
			sent++
			body := event(fmt.Sprint(sent), "enc", time.Now())
			if got := e.deliver(account, body, sign(key, body)); got != want {
				t.Errorf("delivery %d to %s: %d, want %d", sent, account, got, want)
			}
		}
		deliver("a", key, 200)
		deliver("a", newKey, 401)
		deliver("c", key, 401)
		e.receiver.Reconfigure([]webhook.Account{{ID: "a", Key: newKey}, {ID: "c", Key: key}}) // b has no key any more
		deliver("a", newKey, 200)
		deliver("a", key, 200)
		deliver("b", key, 401)
		deliver("c", key, 200)
		time.Sleep(9 * time.Minute)
		e.receiver.Reconfigure([]webhook.Account{{ID: "a", Key: newKey}, {ID: "c", Key: key}}) // the same
		deliver("a", key, 200)
		time.Sleep(time.Minute)
		deliver("a", key, 401)
		deliver("a", newKey, 200)
		e.receiver.Reconfigure([]webhook.Account{{ID: "a", Key: key}})
		deliver("a", key, 200)
		deliver("a", newKey, 200)
		deliver("a", "", 401)
	})
}

// Webhooks with a new key are registered at once, in the place of those with the one before. An account keeps its key
// as long as its webhooks are registered.
func TestReplacedKeysAreRegistered(t *testing.T) {
	onPlatform(t, func(p *platform) {
		r := p.start(key)
		defer r.stop()
		before := p.ids()
		r.receiver.Reconfigure([]webhook.Account{{ID: "a", Key: newKey, Platform: p.client}, {ID: "b", Key: key, Platform: p.client}})
		time.Sleep(20 * time.Second)
		after := p.ids()
		for _, trigger := range triggers {
			if hooks := p.hooks(trigger); len(hooks) != 1 || hooks[0].URL != webhook.Address(base, "a") {
				p.t.Errorf("%s: %+v, want one", trigger, hooks)
			}
		}
		if after == before || r.problem() != "" {
			p.t.Errorf("webhooks are %s, were %s with the key before; problem %q", after, before, r.problem())
		}
		r.receiver.Reconfigure(nil)
		time.Sleep(time.Hour)
		if now := p.ids(); now != after {
			p.t.Errorf("webhooks are %s without a key, were %s", now, after)
		}
	})
}

// duringRead is a body whose beginning is late.
type duringRead func()

func (f duringRead) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// A delivery that arrives while its account loses its key leaves nothing of the account behind.
func TestDeliveryDuringReconfiguration(t *testing.T) {
	e := newEndpoint(t, "a", "b")
	body := event("1", "enc", time.Now())
	late := duringRead(func() { e.receiver.Reconfigure([]webhook.Account{{ID: "b", Key: key}}) })
	r := httptest.NewRequest(http.MethodPost, "/webhooks/bitmovin/a", io.MultiReader(late, strings.NewReader(body)))
	r.Header.Set("Bitmovin-Signature", sign(key, body))
	e.mux.ServeHTTP(httptest.NewRecorder(), r)
	if _, there := e.webhooks["a"]; there || len(e.webhooks) != 1 {
		t.Errorf("webhooks of accounts: %v, want those of b", e.webhooks)
	}
}
