package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// notificationBoundary is the endpoints and deliveries as the caller of a method may see and change them. A caller that
// is bound to accounts sees the endpoints that are told of nothing else: what others are told does not concern it.
type notificationBoundary struct {
	store    NotificationStore
	accounts *boundary
}

// allows says whether a call may be about an endpoint.
func (b *notificationBoundary) allows(ctx context.Context, e *notification.Endpoint) error {
	p := grantOf(ctx).principal
	if !p.Bound() {
		return nil
	}
	if len(e.Accounts) == 0 || slices.ContainsFunc(e.Accounts, func(a string) bool { return !p.MayUse(a) }) {
		return fmt.Errorf("endpoint %q: %w", e.Name, job.ErrNotFound)
	}
	return nil
}

func (b *notificationBoundary) Endpoints(ctx context.Context) ([]notification.Endpoint, error) {
	list, err := b.store.Endpoints(ctx)
	return slices.DeleteFunc(list, func(e notification.Endpoint) bool { return b.allows(ctx, &e) != nil }), err
}

func (b *notificationBoundary) Endpoint(ctx context.Context, name string) (notification.Endpoint, error) {
	e, err := b.store.Endpoint(ctx, name)
	if err == nil {
		err = b.allows(ctx, &e)
	}
	if err != nil {
		return notification.Endpoint{}, err
	}
	return e, nil
}

func (b *notificationBoundary) CreateEndpoint(ctx context.Context, e notification.Endpoint) error {
	if err := b.allows(ctx, &e); err != nil {
		return err
	}
	err := b.store.CreateEndpoint(ctx, e)
	if errors.Is(err, job.ErrExists) {
		return errEndpointExists
	}
	return err
}

// UpdateEndpoint changes an endpoint within what the caller may see.
func (b *notificationBoundary) UpdateEndpoint(ctx context.Context, name string, f func(*notification.Endpoint) error) (notification.Endpoint, error) {
	record := access.RecordOf(ctx)
	return b.store.UpdateEndpoint(ctx, name, func(e *notification.Endpoint) error {
		if err := b.allows(ctx, e); err != nil {
			return err
		}
		before := *e
		if err := f(e); err != nil {
			return err
		}
		record.Describe("", endpointDifference(&before, e))
		return b.allows(ctx, e)
	})
}

func (b *notificationBoundary) DeleteEndpoint(ctx context.Context, name string, now time.Time, allow func(notification.Endpoint) error) error {
	return b.store.DeleteEndpoint(ctx, name, now, func(e notification.Endpoint) error {
		if err := b.allows(ctx, &e); err != nil {
			return err
		}
		return allow(e)
	})
}

func (b *notificationBoundary) Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error) {
	if _, err := b.Endpoint(ctx, f.Endpoint); err != nil {
		return nil, err
	}
	return b.store.Deliveries(ctx, f)
}

func (b *notificationBoundary) Redeliver(ctx context.Context, f notification.DeliveryFilter, now time.Time) (int64, error) {
	if _, err := b.Endpoint(ctx, f.Endpoint); err != nil {
		return 0, err
	}
	return b.store.Redeliver(ctx, f, now)
}

// Backlogs returns what is pending of all endpoints, to render those that the caller has been allowed to read.
func (b *notificationBoundary) Backlogs(ctx context.Context) ([]notification.Backlog, error) {
	return b.store.Backlogs(ctx)
}

// endpointDifference says in words what a change made of an endpoint; empty if it made nothing.
func endpointDifference(before, after *notification.Endpoint) string {
	var d differences
	if before.URL != after.URL {
		d = append(d, "url "+notification.WithoutPath(before.URL)+" -> "+notification.WithoutPath(after.URL))
	}
	noteList(&d, "events", before.Events, after.Events)
	noteList(&d, "accounts", before.Accounts, after.Accounts)
	note(&d, "allow private", before.AllowPrivate, after.AllowPrivate)
	note(&d, "disabled", before.Disabled, after.Disabled)
	note(&d, "secrets", len(before.Keys), len(after.Keys))
	return d.String()
}
