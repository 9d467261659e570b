package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// checkInterval is the time between two looks at what is registered.
	checkInterval = 10 * time.Minute
	// retryInterval is the same after a look that failed.
	retryInterval = time.Minute
)

// triggers are the events to register for: all that end an encoding, except its
// cancellation, which the platform does not report.
var triggers = []bitmovin.WebhookTrigger{bitmovin.OnFinished, bitmovin.OnError, bitmovin.OnTransferError}

// Platform is the part of the Bitmovin API that registers webhooks.
type Platform interface {
	ListWebhooks(ctx context.Context, t bitmovin.WebhookTrigger) ([]bitmovin.Webhook, error)
	CreateWebhook(ctx context.Context, t bitmovin.WebhookTrigger, w bitmovin.Webhook) (bitmovin.Webhook, error)
	DeleteWebhook(ctx context.Context, t bitmovin.WebhookTrigger, id bitmovin.WebhookID) error
	Notifications(ctx context.Context) ([]bitmovin.Notification, error)
	Unmute(ctx context.Context, id bitmovin.WebhookID) error
}

// errMuted says that the platform had given up on a webhook. It is un-muted by then.
var errMuted = errors.New("ten deliveries in a row had failed, so that the platform stopped them; they go on," +
	" and the URL has to lead here")

// standing is what the latest look at the registration showed.
type standing struct {
	mu      sync.Mutex
	problem string // empty: all is well
}

func (s *standing) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// set takes note of a look and reports whether it showed something else than the one before.
func (s *standing) set(err error) (changed bool) {
	text := ""
	if err != nil {
		text = job.Shorten(err.Error(), job.MaxReason)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = s.problem != text
	s.problem = text
	return changed
}

// Run keeps the webhooks of all accounts registered until ctx ends, and returns nil. It
// leaves them registered. What fails is tried again: it costs nothing but speed.
func (r *Receiver) Run(ctx context.Context) error {
	var group sync.WaitGroup
	if r.url != "" {
		for _, a := range r.accounts {
			group.Go(func() { r.keep(ctx, a) })
		}
	}
	<-ctx.Done()
	group.Wait()
	return nil
}

// keep keeps an account's webhooks registered.
func (r *Receiver) keep(ctx context.Context, a *account) {
	url := Address(r.url, a.ID)
	for {
		err := a.register(ctx, url)
		if ctx.Err() != nil {
			return
		}
		wait := checkInterval
		if err != nil && !errors.Is(err, errMuted) {
			wait = retryInterval
		}
		switch changed := a.standing.set(err); {
		case changed && err != nil:
			a.log.Warn("webhooks do not work; polling does", "url", url, "err", err)
		case changed:
			a.log.Info("webhooks are registered", "url", url)
		}
		r.publish(a)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// register makes sure that every trigger has its webhook and that none is muted. It
// goes as far as it can and returns the first error.
func (a *account) register(ctx context.Context, url string) error {
	var first error
	ours := map[bitmovin.WebhookID]bool{}
	for _, t := range triggers {
		id, err := a.ensure(ctx, t, url)
		if err != nil && first == nil {
			first = fmt.Errorf("register for %s: %w", t, err)
		}
		ours[id] = err == nil
	}
	if err := a.unmute(ctx, ours); err != nil && first == nil {
		first = err
	}
	return first
}

// ensure finds a trigger's webhook, or creates it.
func (a *account) ensure(ctx context.Context, t bitmovin.WebhookTrigger, url string) (bitmovin.WebhookID, error) {
	hooks, err := a.Platform.ListWebhooks(ctx, t)
	if err != nil {
		return "", err
	}
	current := mark(a.Key, url)
	var kept bitmovin.WebhookID
	for _, h := range hooks {
		if h.URL != url {
			continue
		}
		// One without a mark is somebody's own doing: how it is signed shows when it delivers.
		marked := strings.HasPrefix(h.Description, markPrefix)
		if kept == "" && (!marked || h.Description == current) {
			kept = h.ID
			continue
		}
		if !marked {
			continue
		}
		// Signed with a key we had once, or one too many. It goes first: there is room for five.
		if err := a.Platform.DeleteWebhook(ctx, t, h.ID); err != nil && !bitmovin.NotFound(err) {
			return "", err
		}
	}
	if kept != "" {
		return kept, nil
	}
	created, err := a.Platform.CreateWebhook(ctx, t, bitmovin.Webhook{
		Name: "stoker " + a.ID, Description: current, URL: url, SignatureKey: a.Key,
	})
	return created.ID, err
}

// markPrefix begins the description of a webhook that this package has created.
const markPrefix = "stoker key "

// mark tells which key a webhook was created with, which the platform never does,
// without telling the key.
func mark(key bitmovin.Secret, url string) string {
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write([]byte(url))
	return markPrefix + hex.EncodeToString(mac.Sum(nil)[:4])
}

// unmute has muted ones of our webhooks delivered again, and returns [errMuted] if
// there were any.
func (a *account) unmute(ctx context.Context, ours map[bitmovin.WebhookID]bool) error {
	notifications, err := a.Platform.Notifications(ctx)
	if err != nil {
		return fmt.Errorf("look for muted webhooks: %w", err)
	}
	var muted error
	for _, n := range notifications {
		if !n.Muted || !ours[n.ID] {
			continue
		}
		if err := a.Platform.Unmute(ctx, n.ID); err != nil {
			return fmt.Errorf("un-mute a webhook: %w", err)
		}
		muted = errMuted
	}
	return muted
}
