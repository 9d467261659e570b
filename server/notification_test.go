package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

var _ server.NotificationStore = store.NotificationTable{}

// fakeSender makes secrets, and sends nothing.
type fakeSender struct {
	key  notification.Key
	test notification.Attempt // how tests end
}

func (s *fakeSender) NewSecret(now time.Time) (notification.Secret, notification.SecretKey, error) {
	return s.key.NewSecret(now)
}

func (s *fakeSender) Test(context.Context, notification.Endpoint) notification.Attempt { return s.test }

func (w *world) notifications() stokerv1.NotificationServiceClient {
	return stokerv1.NewNotificationServiceClient(w.conn)
}

// newEndpoint makes an endpoint of some accounts, whoever may do so.
func (w *world) newEndpoint(name string, accounts ...string) {
	w.t.Helper()
	err := store.NewNotificationTable(w.store).CreateEndpoint(w.t.Context(), notification.Endpoint{
		Name: name, URL: "https://example.com", Events: notification.Events(), Accounts: accounts, CreateTime: time.Now(), UpdateTime: time.Now(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestEndpoints makes, changes and deletes an endpoint. Its secret is shown when it is made, and never again.
func TestEndpoints(t *testing.T) {
	w := newWorld(t, nil)
	n := w.notifications()
	made, err := n.CreateEndpoint(t.Context(), &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Url: "https://example.com/hook"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := notification.ParseSecret(made.GetSecret()); err != nil {
		t.Errorf("the secret: %v", err)
	}
	e := made.GetEndpoint()
	if len(e.GetEvents()) != 5 || slices.Contains(e.GetEvents(), stokerv1.NotificationEvent_NOTIFICATION_EVENT_JOB_SUCCEEDED) || e.GetCreatedBy() != "local" || len(e.GetSecrets()) != 1 {
		t.Errorf("the endpoint: %v", e)
	}
	_, err = n.CreateEndpoint(t.Context(), &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Url: "https://example.com/hook"}})
	wantCode(t, err, codes.AlreadyExists)
	rotated, err := n.RotateSecret(t.Context(), &stokerv1.RotateSecretRequest{Endpoint: "ops", Overlap: durationpb.New(time.Hour)})
	if err != nil || rotated.GetSecret() == made.GetSecret() || len(rotated.GetEndpoint().GetSecrets()) != 2 {
		t.Errorf("rotated: %v, %v", rotated.GetEndpoint(), err)
	}
	list, err := n.ListEndpoints(t.Context(), &stokerv1.ListEndpointsRequest{})
	if err != nil || len(list.GetEndpoints()) != 1 {
		t.Fatalf("list: %v, %v", list, err)
	}
	for _, secret := range []string{made.GetSecret(), rotated.GetSecret()} {
		if strings.Contains(list.String(), strings.TrimPrefix(secret, "whsec_")) {
			t.Errorf("the list has a secret in it: %v", list)
		}
	}
	updated, err := n.UpdateEndpoint(t.Context(), &stokerv1.UpdateEndpointRequest{
		Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Disabled: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
	})
	if err != nil || updated.GetEndpoint().GetDisabledReason() != "disabled by local" || updated.GetEndpoint().GetUrl() == "" {
		t.Errorf("disabled: %v, %v", updated.GetEndpoint(), err)
	}
	_, err = n.Redeliver(t.Context(), &stokerv1.RedeliverRequest{Endpoint: "ops", FailedSince: timestamppb.Now()})
	wantCode(t, err, codes.FailedPrecondition)
	if _, err := n.DeleteEndpoint(t.Context(), &stokerv1.DeleteEndpointRequest{Endpoint: "ops"}); err != nil {
		t.Error(err)
	}
	_, err = n.DeleteEndpoint(t.Context(), &stokerv1.DeleteEndpointRequest{Endpoint: "ops"})
	wantCode(t, err, codes.NotFound)
	if !strings.Contains(err.Error(), `endpoint "ops" was not found`) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestBadEndpoints(t *testing.T) {
	w := newWorld(t, nil)
	w.newEndpoint("ops")
	for _, tt := range []struct {
		in   *stokerv1.NotificationEndpoint
		want string
	}{
		{&stokerv1.NotificationEndpoint{}, "endpoint.name: want 1 to 64 letters"},
		{&stokerv1.NotificationEndpoint{Name: "x"}, "endpoint.url: is required"},
		{&stokerv1.NotificationEndpoint{Name: "x", Url: "http://example.com"}, "endpoint.url: want https://"},
		{&stokerv1.NotificationEndpoint{Name: "x", Url: "https://[::1]/"}, "endpoint.url: the address ::1 is loopback"},
		{&stokerv1.NotificationEndpoint{Name: "x", Url: "https://example.com", Accounts: []string{"dfault"}}, `unknown account "dfault"; there are: default, other`},
		{&stokerv1.NotificationEndpoint{Name: "x", Url: "https://example.com", Events: []stokerv1.NotificationEvent{99}}, "endpoint.events[0]"},
	} {
		_, err := w.notifications().CreateEndpoint(t.Context(), &stokerv1.CreateEndpointRequest{Endpoint: tt.in})
		wantCode(t, err, codes.InvalidArgument)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.in, err, tt.want)
		}
	}
	for _, tt := range []struct {
		mask []string
		want string
	}{
		{nil, "update_mask"}, {[]string{"name"}, `update_mask.paths[0]: "name" cannot be changed`}, {[]string{"url"}, "endpoint.url: is required"},
	} {
		_, err := w.notifications().UpdateEndpoint(t.Context(), &stokerv1.UpdateEndpointRequest{
			Endpoint: &stokerv1.NotificationEndpoint{Name: "ops"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: tt.mask},
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("mask %v: %v, want %q", tt.mask, err, tt.want)
		}
	}
}

// TestConfiguredEndpoint changes an endpoint of the configuration, of which only disabled can be changed.
func TestConfiguredEndpoint(t *testing.T) {
	w := newWorld(t, nil)
	table := store.NewNotificationTable(w.store)
	if err := table.ConfigureEndpoints(t.Context(), []notification.Endpoint{{Name: "ops", URL: "https://example.com", Events: notification.Events()}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	n := w.notifications()
	_, err := n.UpdateEndpoint(t.Context(), &stokerv1.UpdateEndpointRequest{
		Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Url: "https://example.org"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
	})
	wantCode(t, err, codes.FailedPrecondition)
	_, err = n.RotateSecret(t.Context(), &stokerv1.RotateSecretRequest{Endpoint: "ops"})
	wantCode(t, err, codes.FailedPrecondition)
	_, err = n.DeleteEndpoint(t.Context(), &stokerv1.DeleteEndpointRequest{Endpoint: "ops"})
	wantCode(t, err, codes.FailedPrecondition)
	if _, err = n.UpdateEndpoint(t.Context(), &stokerv1.UpdateEndpointRequest{
		Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Disabled: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
	}); err != nil {
		t.Error(err)
	}
}

// TestDeliveries lists what an endpoint was told, page by page, and has it sent again.
func TestDeliveries(t *testing.T) {
	w := newWorld(t, nil)
	w.newEndpoint("ops")
	table, n := store.NewNotificationTable(w.store), w.notifications()
	var batches []string
	for range 5 {
		b, _, err := w.store.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b.ID)
	}
	due, err := table.DueDeliveries(t.Context(), "ops", time.Now().Add(time.Second), time.Time{}, 1)
	if err != nil || len(due) != 1 {
		t.Fatalf("due: %v, %v", due, err)
	}
	if _, _, err := table.NoteAttempt(t.Context(), due[0], notification.Attempt{Time: time.Now(), HTTPStatus: 204}); err != nil {
		t.Fatal(err)
	}
	var got []*stokerv1.Delivery
	for req := (&stokerv1.ListDeliveriesRequest{Endpoint: "ops", PageSize: 2}); ; {
		page, err := n.ListDeliveries(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.GetDeliveries()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	slices.Reverse(got)
	for i, d := range got {
		if d.GetBatchId() != batches[i] || d.GetEvent() != stokerv1.NotificationEvent_NOTIFICATION_EVENT_BATCH_FINISHED || !strings.Contains(d.GetBody(), batches[i]) {
			t.Errorf("delivery %d: %v", i, d)
		}
	}
	if len(got) != 5 || got[0].GetState() != stokerv1.DeliveryState_DELIVERY_STATE_DELIVERED {
		t.Fatalf("%d deliveries, the first %v", len(got), got[0])
	}
	one, err := n.ListDeliveries(t.Context(), &stokerv1.ListDeliveriesRequest{Endpoint: "ops", BatchId: "3", States: []stokerv1.DeliveryState{stokerv1.DeliveryState_DELIVERY_STATE_PENDING}})
	if err != nil || len(one.GetDeliveries()) != 1 || one.GetDeliveries()[0].GetBatchId() != batches[2] {
		t.Errorf("of batch 3: %v, %v", one, err)
	}
	_, err = n.Redeliver(t.Context(), &stokerv1.RedeliverRequest{Endpoint: "ops"})
	wantCode(t, err, codes.InvalidArgument)
	_, err = n.Redeliver(t.Context(), &stokerv1.RedeliverRequest{Endpoint: "ops", DeliveryIds: []string{got[0].GetId(), "msg_none"}})
	if err == nil || !strings.Contains(err.Error(), `delivery_ids[1]: there is no message "msg_none"`) {
		t.Errorf("an unknown id: %v", err)
	}
	again, err := n.Redeliver(t.Context(), &stokerv1.RedeliverRequest{Endpoint: "ops", DeliveryIds: []string{got[0].GetId()}})
	if err != nil || again.GetCount() != 1 {
		t.Errorf("redelivered: %v, %v", again, err)
	}
}

// TestEndpointScope has callers that are bound to an account manage the endpoints of that account, and no others.
func TestEndpointScope(t *testing.T) {
	g := newGuarded(t, nil)
	admin, operator, bound := g.token("admin", access.Admin), g.token("ops", access.Operator), g.token("team", access.Operator, "default")
	g.newEndpoint("all")
	g.newEndpoint("other", "other")
	g.newEndpoint("both", "default", "other")
	n := g.notifications()
	private := func(name string) *stokerv1.CreateEndpointRequest {
		return &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: name, Url: "http://10.1.2.3/", AllowPrivate: true}}
	}
	_, err := n.CreateEndpoint(operator, private("inside"))
	wantCode(t, err, codes.PermissionDenied)
	if _, err := n.CreateEndpoint(admin, private("inside")); err != nil {
		t.Error(err)
	}
	_, err = n.UpdateEndpoint(operator, &stokerv1.UpdateEndpointRequest{
		Endpoint: &stokerv1.NotificationEndpoint{Name: "inside", Url: "http://10.9.9.9/"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
	})
	wantCode(t, err, codes.PermissionDenied)
	_, err = n.UpdateEndpoint(operator, &stokerv1.UpdateEndpointRequest{
		Endpoint: &stokerv1.NotificationEndpoint{Name: "all", AllowPrivate: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"allow_private"}},
	})
	wantCode(t, err, codes.PermissionDenied)

	made, err := n.CreateEndpoint(bound, &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: "team", Url: "https://example.com"}})
	if err != nil || !slices.Equal(made.GetEndpoint().GetAccounts(), []string{"default"}) {
		t.Errorf("made by somebody who is bound: %v, %v", made.GetEndpoint(), err)
	}
	_, err = n.CreateEndpoint(bound, &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: "spy", Url: "https://example.com", Accounts: []string{"other"}}})
	wantCode(t, err, codes.InvalidArgument)
	_, err = n.UpdateEndpoint(bound, &stokerv1.UpdateEndpointRequest{
		Endpoint: &stokerv1.NotificationEndpoint{Name: "team", Accounts: []string{"default", "other"}}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"accounts"}},
	})
	wantCode(t, err, codes.InvalidArgument)
	list, err := n.ListEndpoints(bound, &stokerv1.ListEndpointsRequest{})
	if err != nil || len(list.GetEndpoints()) != 1 || list.GetEndpoints()[0].GetName() != "team" {
		t.Errorf("what it sees: %v, %v", list, err)
	}
	for _, name := range []string{"all", "other", "both", "none"} {
		_, err := n.ListDeliveries(bound, &stokerv1.ListDeliveriesRequest{Endpoint: name})
		wantCode(t, err, codes.NotFound)
		_, err = n.TestEndpoint(bound, &stokerv1.TestEndpointRequest{Endpoint: name})
		wantCode(t, err, codes.NotFound)
		_, err = n.DeleteEndpoint(bound, &stokerv1.DeleteEndpointRequest{Endpoint: name})
		wantCode(t, err, codes.NotFound)
	}
	entries := g.entries(admin, &stokerv1.ListEntriesRequest{Target: "team"})
	if len(entries) == 0 || !strings.Contains(entries[len(entries)-1].GetDetail(), "example.com") {
		t.Errorf("the audit log has %v", entries)
	}
}

// An endpoint with another URL has as much patience as a new one, and one with the same URL has not.
func TestAnotherURLHasNotFailed(t *testing.T) {
	w := newWorld(t, nil)
	w.newEndpoint("ops")
	table := store.NewNotificationTable(w.store)
	_, err := table.UpdateEndpoint(t.Context(), "ops", func(e *notification.Endpoint) error {
		e.FailingSince = time.Now().Add(-notification.DisableAfter)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		url   string
		fails bool
	}{{"https://example.com", true}, {"https://example.org", false}} {
		updated, err := w.notifications().UpdateEndpoint(t.Context(), &stokerv1.UpdateEndpointRequest{
			Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Url: tt.url}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
		})
		if err != nil || (updated.GetEndpoint().GetFailingSince() != nil) != tt.fails {
			t.Errorf("%s: %v, %v", tt.url, updated.GetEndpoint(), err)
		}
	}
}
