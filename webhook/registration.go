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
	// checkInterval is the time between two checks of the registration.
	checkInterval = 10 * time.Minute
	// retryInterval is the time to the next check after one that failed.
	retryInterval = time.Minute
	// driveInterval is the time between two looks whether this process drives the account by now.
	driveInterval = 2 * time.Second
)

// triggers are the triggers to register for: all ends of an encoding but its cancellation, for
// which the platform has no trigger.
var triggers = []bitmovin.WebhookTrigger{bitmovin.OnFinished, bitmovin.OnError, bitmovin.OnTransferError}

// Platform is the part of the Bitmovin API that registers webhooks. [bitmovin.Client]
// implements it.
type Platform interface {
	ListWebhooks(ctx context.Context, t bitmovin.WebhookTrigger) ([]bitmovin.Webhook, error)
	CreateWebhook(ctx context.Context, t bitmovin.WebhookTrigger, w bitmovin.Webhook) (bitmovin.Webhook, error)
	DeleteWebhook(ctx context.Context, t bitmovin.WebhookTrigger, id bitmovin.WebhookID) error
	Notifications(ctx context.Context) ([]bitmovin.Notification, error)
	Unmute(ctx context.Context, id bitmovin.WebhookID) error
}

// errMuted says that a webhook was muted and has been un-muted.
var errMuted = errors.New("ten deliveries in a row had failed and the platform had stopped delivering;" +
	" deliveries are resumed, but check that the URL leads to this service")

// registrationState is the result of the latest check of the registration.
type registrationState struct {
	mu      sync.Mutex
	problem string // empty: there is none
}

func (s *registrationState) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// set stores the result of a check and reports whether it differs from the one before.
func (s *registrationState) set(err error) (changed bool) {
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

// Run keeps the webhooks of all accounts registered until ctx ends. Then it returns nil and
// leaves the webhooks registered. A registration that fails is repeated and logged: without
// webhooks the ends of encodings are only noticed later.
func (r *Receiver) Run(ctx context.Context) error {
	var group sync.WaitGroup
	if r.url != "" {
		r.mu.RLock()
		for _, a := range r.accounts {
			group.Go(func() { r.keepRegistered(ctx, a) })
		}
		r.mu.RUnlock()
	}
	<-ctx.Done()
	group.Wait()
	return nil
}

// keepRegistered keeps the webhooks of an account registered until ctx ends.
func (r *Receiver) keepRegistered(ctx context.Context, a *account) {
	url := Address(r.url, a.ID)
	for {
		if !r.awaitDriving(ctx, a.ID) {
			return
		}
		err := a.register(ctx, url)
		if ctx.Err() != nil {
			return
		}
		wait := checkInterval
		if err != nil && !errors.Is(err, errMuted) {
			wait = retryInterval
		}
		switch changed := a.registration.set(err); {
		case changed && err != nil:
			a.log.Warn("webhooks do not work; encodings are polled", "url", url, "err", err)
		case changed:
			a.log.Info("webhooks are registered", "url", url)
		}
		r.publish(a)
		select {
		case <-ctx.Done():
			return
		case <-a.keys.changed:
		case <-time.After(wait):
		}
	}
}

// awaitDriving returns when this process drives an account. It reports whether ctx has not ended before.
func (r *Receiver) awaitDriving(ctx context.Context, accountID string) bool {
	for !r.drives(accountID) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(driveInterval):
		}
	}
	return ctx.Err() == nil
}

// register makes sure that every trigger has its webhook and that no webhook is muted. After an
// error it continues with the other triggers; it returns the first error.
func (a *account) register(ctx context.Context, url string) error {
	var first error
	ours := map[bitmovin.WebhookID]bool{}
	for _, t := range triggers {
		id, err := a.ensureWebhook(ctx, t, url)
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

// ensureWebhook returns the webhook of a trigger. It creates a missing webhook, and deletes
// those that this package has created with another key or twice.
func (a *account) ensureWebhook(ctx context.Context, t bitmovin.WebhookTrigger, url string) (bitmovin.WebhookID, error) {
	hooks, err := a.Platform.ListWebhooks(ctx, t)
	if err != nil {
		return "", err
	}
	key := a.keys.read()
	current := describeKey(key, url)
	var kept bitmovin.WebhookID
	for _, h := range hooks {
		if h.URL != url {
			continue
		}
		// A webhook without keyPrefix was created by somebody else for this service. It is
		// kept, because only its deliveries show whether it has the key.
		marked := strings.HasPrefix(h.Description, keyPrefix)
		if kept == "" && (!marked || h.Description == current) {
			kept = h.ID
			continue
		}
		if !marked {
			continue
		}
		// This webhook has an earlier key, or is one too many. It is deleted before another
		// one is created, because the platform allows five.
		if err := a.Platform.DeleteWebhook(ctx, t, h.ID); err != nil && !bitmovin.NotFound(err) {
			return "", err
		}
	}
	if kept != "" {
		return kept, nil
	}
	created, err := a.Platform.CreateWebhook(ctx, t, bitmovin.Webhook{
		Name: "stoker " + a.ID, Description: current, URL: url, SignatureKey: key,
	})
	return created.ID, err
}

// keyPrefix begins the description of a webhook that this package has created.
const keyPrefix = "stoker key "

// describeKey returns the description of a webhook. The description identifies the key without
// revealing it, because the platform does not return the key of a webhook.
func describeKey(key bitmovin.Secret, url string) string {
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write([]byte(url))
	return keyPrefix + hex.EncodeToString(mac.Sum(nil)[:4])
}

// unmute un-mutes our webhooks. It returns [errMuted] if one was muted.
func (a *account) unmute(ctx context.Context, ours map[bitmovin.WebhookID]bool) error {
	notifications, err := a.Platform.Notifications(ctx)
	if err != nil {
		return fmt.Errorf("list muted webhooks: %w", err)
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
