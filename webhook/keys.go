package webhook

import (
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// keys are the keys of an account with which deliveries may be signed.
type keys struct {
	changed chan struct{} // capacity 1: gets a value when the key was replaced

	mu              sync.Mutex
	current, before bitmovin.Secret
	beforeEnds      time.Time // before counts until then
}

// read returns the key that webhooks are registered with.
func (k *keys) read() bitmovin.Secret {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// replace replaces the key, unless it is the same. The one before goes on to count for as long as an event may be old.
func (k *keys) replace(key bitmovin.Secret, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key == k.current {
		return
	}
	k.before, k.beforeEnds, k.current = k.current, now.Add(maxAge), key
	select {
	case k.changed <- struct{}{}:
	default: // the loop is going to look anyway
	}
}

// verify reports whether a body was signed with a key that counts.
func (k *keys) verify(body []byte, signature string, now time.Time) bool {
	k.mu.Lock()
	current, before := k.current, k.before
	if !now.Before(k.beforeEnds) {
		before = ""
	}
	k.mu.Unlock()
	if bitmovin.VerifyWebhookSignature(current, body, signature) == nil {
		return true
	}
	return before != "" && bitmovin.VerifyWebhookSignature(before, body, signature) == nil
}

// Reconfigure changes to other keys while the receiver runs. An account that had no key gets deliveries from now on.
// One that has none any more gets none, unless its webhooks are registered: then its key stays until the service is
// started without them. It does not block.
func (r *Receiver) Reconfigure(accounts []Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := map[string]bool{}
	for _, a := range accounts {
		named[a.ID] = true
		if known := r.accounts[a.ID]; known != nil {
			known.keys.replace(a.Key, time.Now())
		} else if r.url == "" {
			r.add(a)
		}
	}
	for id := range r.accounts {
		if !named[id] && r.url == "" {
			delete(r.accounts, id)
			r.store.RemoveWebhooks(id)
		}
	}
}
