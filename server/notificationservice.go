package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

const (
	defaultEndpointsPage  = 100 // endpoints on a page if the request has no page_size
	defaultDeliveriesPage = 100 // deliveries, likewise
	// defaultOverlap is how long earlier secrets of an endpoint go on signing.
	defaultOverlap = 24 * time.Hour
	// disabledByHand is the reason of an endpoint that somebody has disabled.
	disabledByHand = "disabled by "
)

// notificationService implements NotificationService.
type notificationService struct {
	stokerv1.UnimplementedNotificationServiceServer

	store  *notificationBoundary
	sender NotificationSender
}

// ListEndpoints lists the endpoints by name.
func (s *notificationService) ListEndpoints(ctx context.Context, req *stokerv1.ListEndpointsRequest) (*stokerv1.ListEndpointsResponse, error) {
	after, err := parseNameToken(req.GetPageToken(), endpointTokenKind)
	if err != nil {
		return nil, err
	}
	list, err := s.store.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e notification.Endpoint) bool { return e.Name <= after })
	backlogs, err := s.store.Backlogs(ctx)
	if err != nil {
		return nil, err
	}
	size := cmp.Or(int(req.GetPageSize()), defaultEndpointsPage)
	resp := &stokerv1.ListEndpointsResponse{Endpoints: pageOf(list[:min(size, len(list))], func(e notification.Endpoint) *stokerv1.NotificationEndpoint {
		return endpointMessage(e, backlogs)
	})}
	if n := len(resp.Endpoints); n < len(list) {
		resp.NextPageToken = nameToken(endpointTokenKind, list[n-1].Name)
	}
	return resp, nil
}

// CreateEndpoint makes an endpoint and its secret.
func (s *notificationService) CreateEndpoint(ctx context.Context, req *stokerv1.CreateEndpointRequest) (*stokerv1.CreateEndpointResponse, error) {
	now, in := time.Now(), req.GetEndpoint()
	principal := grantOf(ctx).principal
	e := notification.Endpoint{Name: in.GetName(), CreatedBy: principal.Name, CreateTime: now, UpdateTime: now}
	var found findings
	if err := notification.CheckName(e.Name); err != nil {
		found.add("endpoint.name", "%s", err)
	}
	for _, field := range endpointFields {
		field.set(&e, in, principal.Name, now)
	}
	if err := s.check(ctx, &found, &e); err != nil {
		return nil, err
	}
	if e.AllowPrivate && principal.Role < access.Admin {
		return nil, allowPrivateError(principal)
	}
	secret, key, err := s.sender.NewSecret(now)
	if err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	e.Keys = []notification.SecretKey{key}
	if err := s.store.CreateEndpoint(ctx, e); err != nil {
		return nil, err
	}
	m, err := s.render(ctx, e)
	if err != nil {
		return nil, err
	}
	return &stokerv1.CreateEndpointResponse{Endpoint: m, Secret: secret.Reveal()}, nil
}

func allowPrivateError(p *access.Principal) error {
	return &roleError{principal: p, needed: access.Admin, what: "allow_private"}
}

// endpointField is a field of an endpoint that callers set.
type endpointField struct {
	path string
	set  func(e *notification.Endpoint, in *stokerv1.NotificationEndpoint, by string, now time.Time)
}

var endpointFields = []endpointField{
	{"url", func(e *notification.Endpoint, in *stokerv1.NotificationEndpoint, _ string, _ time.Time) {
		if e.URL != in.GetUrl() { // which has not failed yet
			e.URL, e.FailingSince = in.GetUrl(), time.Time{}
		}
	}},
	{"events", func(e *notification.Endpoint, in *stokerv1.NotificationEndpoint, _ string, _ time.Time) {
		e.Events = notification.DefaultEvents()
		if len(in.GetEvents()) > 0 {
			e.Events = slices.DeleteFunc(notification.Events(), func(event notification.Event) bool {
				return !slices.Contains(in.GetEvents(), eventEnum(event))
			})
		}
	}},
	{"accounts", func(e *notification.Endpoint, in *stokerv1.NotificationEndpoint, _ string, _ time.Time) {
		e.Accounts = slices.Sorted(slices.Values(in.GetAccounts()))
	}},
	{"allow_private", func(e *notification.Endpoint, in *stokerv1.NotificationEndpoint, _ string, _ time.Time) {
		e.AllowPrivate = in.GetAllowPrivate()
	}},
	{"disabled", func(e *notification.Endpoint, in *stokerv1.NotificationEndpoint, by string, now time.Time) {
		if in.GetDisabled() {
			e.Disable(disabledByHand+by, now)
		} else {
			e.Enable()
		}
	}},
}

// check checks an endpoint as callers have set it, and binds it to the accounts of a caller that is bound.
func (s *notificationService) check(ctx context.Context, found *findings, e *notification.Endpoint) error {
	if e.URL == "" {
		found.add("endpoint.url", "is required, such as https://example.com/stoker")
	} else if err := notification.CheckURL(e.URL, e.AllowPrivate); err != nil {
		found.add("endpoint.url", "%s", err)
	}
	known := mapSlice(s.store.accounts.AccountStatuses(ctx), func(a job.AccountStatus) string { return a.ID })
	for i, id := range e.Accounts {
		if !slices.Contains(known, id) {
			found.addUnknown(fmt.Sprintf("endpoint.accounts[%d]", i), "account", id, known)
		}
	}
	if p := grantOf(ctx).principal; len(e.Accounts) == 0 && p.Bound() {
		e.Accounts = slices.Clone(p.Accounts)
	}
	return found.err()
}

// UpdateEndpoint changes the fields of an endpoint that the mask names.
func (s *notificationService) UpdateEndpoint(ctx context.Context, req *stokerv1.UpdateEndpointRequest) (*stokerv1.UpdateEndpointResponse, error) {
	now, principal, paths := time.Now(), grantOf(ctx).principal, req.GetUpdateMask().GetPaths()
	var found findings
	if len(paths) == 0 {
		found.add("update_mask", "name the fields to change: url, events, accounts, allow_private, disabled")
	}
	for i, path := range paths {
		if !slices.ContainsFunc(endpointFields, func(f endpointField) bool { return f.path == path }) {
			found.add(fmt.Sprintf("update_mask.paths[%d]", i), "%q cannot be changed; url, events, accounts, allow_private and disabled can", path)
		}
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	e, err := s.store.UpdateEndpoint(ctx, req.GetEndpoint().GetName(), func(e *notification.Endpoint) error {
		if e.Configured && !slices.Equal(paths, []string{"disabled"}) {
			return configuredError(e, "the configuration has it, and only disabled can be changed here")
		}
		before := *e
		for _, field := range endpointFields {
			if slices.Contains(paths, field.path) {
				field.set(e, req.GetEndpoint(), principal.Name, now)
			}
		}
		if principal.Role < access.Admin && e.AllowPrivate && (!before.AllowPrivate || e.URL != before.URL) {
			return allowPrivateError(principal)
		}
		e.UpdateTime = now
		if slices.Equal(paths, []string{"disabled"}) {
			return nil // whatever else may be wrong with it by now
		}
		return s.check(ctx, &findings{}, e)
	})
	if err != nil {
		return nil, err
	}
	m, err := s.render(ctx, e)
	if err != nil {
		return nil, err
	}
	return &stokerv1.UpdateEndpointResponse{Endpoint: m}, nil
}

func configuredError(e *notification.Endpoint, problem string) error {
	return &job.StateError{Resource: "endpoint", ID: e.Name, State: "configured", Problem: problem}
}

// DeleteEndpoint removes an endpoint with its deliveries.
func (s *notificationService) DeleteEndpoint(ctx context.Context, req *stokerv1.DeleteEndpointRequest) (*stokerv1.DeleteEndpointResponse, error) {
	err := s.store.DeleteEndpoint(ctx, req.GetEndpoint(), time.Now(), func(e notification.Endpoint) error {
		if e.Configured {
			return configuredError(&e, "the configuration has it; remove it there, or disable it")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &stokerv1.DeleteEndpointResponse{}, nil
}

// RotateSecret gives an endpoint a new secret.
func (s *notificationService) RotateSecret(ctx context.Context, req *stokerv1.RotateSecretRequest) (*stokerv1.RotateSecretResponse, error) {
	now, overlap := time.Now(), defaultOverlap
	if req.GetOverlap() != nil {
		overlap = req.GetOverlap().AsDuration()
	}
	secret, key, err := s.sender.NewSecret(now)
	if err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	e, err := s.store.UpdateEndpoint(ctx, req.GetEndpoint(), func(e *notification.Endpoint) error {
		if e.Configured {
			return configuredError(e, "the configuration names its secrets; put the new one before the old one there")
		}
		e.Keys, e.UpdateTime = notification.Rotate(e.Keys, key, overlap, now), now
		return nil
	})
	if err != nil {
		return nil, err
	}
	m, err := s.render(ctx, e)
	if err != nil {
		return nil, err
	}
	return &stokerv1.RotateSecretResponse{Endpoint: m, Secret: secret.Reveal()}, nil
}

// TestEndpoint sends a message to an endpoint and waits for the answer.
func (s *notificationService) TestEndpoint(ctx context.Context, req *stokerv1.TestEndpointRequest) (*stokerv1.TestEndpointResponse, error) {
	e, err := s.store.Endpoint(ctx, req.GetEndpoint())
	if err != nil {
		return nil, err
	}
	a := s.sender.Test(ctx, e)
	return &stokerv1.TestEndpointResponse{
		Accepted: a.Delivered(), HttpStatus: int32(a.HTTPStatus), Problem: job.Shorten(a.Problem, notification.MaxProblem), Duration: durationpb.New(a.Duration),
	}, nil
}

// ListDeliveries lists deliveries to an endpoint, the newest first.
func (s *notificationService) ListDeliveries(ctx context.Context, req *stokerv1.ListDeliveriesRequest) (*stokerv1.ListDeliveriesResponse, error) {
	list, err := listHash(req, func(r *stokerv1.ListDeliveriesRequest) { r.PageSize, r.PageToken = 0, "" })
	if err != nil {
		return nil, err
	}
	token, err := parsePageToken(req.GetPageToken(), list)
	if err != nil {
		return nil, err
	}
	size := cmp.Or(int(req.GetPageSize()), defaultDeliveriesPage)
	f := notification.DeliveryFilter{Endpoint: req.GetEndpoint(), BatchID: req.GetBatchId(), BeforeSeq: token.position, Limit: size + 1}
	for _, state := range req.GetStates() {
		f.States = append(f.States, deliveryStateOf(state))
	}
	for _, event := range notification.Events() {
		if slices.Contains(req.GetEvents(), eventEnum(event)) {
			f.Events = append(f.Events, event)
		}
	}
	if req.GetSince() != nil {
		f.Since = req.GetSince().AsTime()
	}
	deliveries, err := s.store.Deliveries(ctx, f)
	if err != nil {
		return nil, err
	}
	resp := &stokerv1.ListDeliveriesResponse{Deliveries: pageOf(deliveries[:min(size, len(deliveries))], deliveryMessage)}
	if n := len(resp.Deliveries); n < len(deliveries) {
		resp.NextPageToken = pageToken{list: list, position: deliveries[n-1].Seq}.String()
	}
	return resp, nil
}

// Redeliver has messages sent once more.
func (s *notificationService) Redeliver(ctx context.Context, req *stokerv1.RedeliverRequest) (*stokerv1.RedeliverResponse, error) {
	ids, since := req.GetDeliveryIds(), req.GetFailedSince()
	if (len(ids) > 0) == (since != nil) {
		return nil, invalid("delivery_ids", "name the messages, or give failed_since to mean all that have failed since then; not both")
	}
	e, err := s.store.Endpoint(ctx, req.GetEndpoint())
	if err != nil {
		return nil, err
	}
	if e.Disabled {
		return nil, &job.StateError{Resource: "endpoint", ID: e.Name, State: "disabled", Problem: "nothing is sent to it; enable it first"}
	}
	f := notification.DeliveryFilter{Endpoint: e.Name, IDs: ids}
	if since != nil {
		f.Since, f.States = since.AsTime(), []notification.DeliveryState{notification.Failed}
	} else if err := s.checkDeliveries(ctx, f); err != nil {
		return nil, err
	}
	n, err := s.store.Redeliver(ctx, f, time.Now())
	if err != nil {
		return nil, err
	}
	return &stokerv1.RedeliverResponse{Count: n}, nil
}

// checkDeliveries refuses ids that no delivery has.
func (s *notificationService) checkDeliveries(ctx context.Context, f notification.DeliveryFilter) error {
	list, err := s.store.Deliveries(ctx, f)
	if err != nil {
		return err
	}
	var found findings
	for i, id := range f.IDs {
		if !slices.ContainsFunc(list, func(d notification.Delivery) bool { return d.ID == id }) {
			found.add(fmt.Sprintf("delivery_ids[%d]", i), "there is no message %q to this endpoint; what has ended is kept for seven days", clip(id, maxWord))
		}
	}
	return found.err()
}

// render makes the message of one endpoint.
func (s *notificationService) render(ctx context.Context, e notification.Endpoint) (*stokerv1.NotificationEndpoint, error) {
	backlogs, err := s.store.Backlogs(ctx)
	if err != nil {
		return nil, err
	}
	return endpointMessage(e, backlogs), nil
}

var errEndpointExists = errors.New("the endpoint exists")
