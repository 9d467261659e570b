package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// entries lists the entries that a request selects, over pages of three.
func (g *guarded) entries(ctx context.Context, req *stokerv1.ListEntriesRequest) []*stokerv1.Entry {
	g.t.Helper()
	var all []*stokerv1.Entry
	for req.PageSize = 3; ; {
		resp, err := stokerv1.NewAuditServiceClient(g.conn).ListEntries(ctx, req)
		if err != nil {
			g.t.Fatal(err)
		}
		all = append(all, resp.GetEntries()...)
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// TestAudit makes calls of many kinds and reads what is kept of them.
func TestAudit(t *testing.T) {
	g := newGuarded(t, nil)
	admin, ci := g.token("admin", access.Admin), g.token("ci", access.Submitter)
	resp, err := g.batches.SubmitBatch(ci, &stokerv1.SubmitBatchRequest{RequestId: "r", DisplayName: "night run", Jobs: specs(1, 3)})
	if err != nil {
		t.Fatal(err)
	}
	id := resp.GetBatch().GetId()
	_, err = g.batches.UpdateBatch(ci, &stokerv1.UpdateBatchRequest{
		Batch: &stokerv1.Batch{Id: id, Priority: 90}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = g.batches.CancelJob(ci, &stokerv1.CancelJobRequest{JobId: "1/2", Reason: "wrong cut"}); err != nil { // by its number
		t.Fatal(err)
	}
	if _, err = g.batches.CancelJobs(ci, &stokerv1.CancelJobsRequest{BatchId: id, Reason: "enough"}); err != nil {
		t.Fatal(err)
	}
	_, err = g.account.PauseAccount(ci, &stokerv1.PauseAccountRequest{AccountId: "default"})
	wantCode(t, err, codes.PermissionDenied)
	_, err = g.batches.CancelBatch(ci, &stokerv1.CancelBatchRequest{BatchId: "no-such-batch"})
	wantCode(t, err, codes.NotFound)
	if _, err = g.account.PauseAccount(admin, &stokerv1.PauseAccountRequest{AccountId: "default", Reason: "maintenance"}); err != nil {
		t.Fatal(err)
	}
	made, err := stokerv1.NewAccessServiceClient(g.conn).CreateToken(admin, &stokerv1.CreateTokenRequest{Name: "new", Role: stokerv1.Role_ROLE_VIEWER})
	if err != nil {
		t.Fatal(err)
	}
	// What changes nothing leaves no entry.
	if _, err = g.batches.GetBatch(ci, &stokerv1.GetBatchRequest{BatchId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err = g.batches.CancelJobs(ci, &stokerv1.CancelJobsRequest{BatchId: id, ValidateOnly: true}); err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, e := range g.entries(admin, &stokerv1.ListEntriesRequest{}) {
		got = append(got, strings.Join([]string{e.GetPrincipal(), e.GetMethod(), strings.ReplaceAll(e.GetTarget(), id, "B"), e.GetOutcome(), e.GetDetail()}, " | "))
		if e.GetCallId() == "" || e.GetTime() == nil || e.GetKind() != stokerv1.PrincipalKind_PRINCIPAL_KIND_TOKEN || e.GetAddress() == "" {
			t.Errorf("entry %v", e)
		}
	}
	want := []string{
		`token:admin | AccessService/CreateToken | ` + made.GetToken().GetId() + ` | OK | name "new"; role VIEWER`,
		`token:admin | AccountService/PauseAccount | default | OK | paused false -> true; reason "maintenance"`,
		`token:ci | BatchService/CancelBatch | no-such-batch | NOT_FOUND | batch "no-such-batch" was not found`,
		`token:ci | AccountService/PauseAccount | default | PERMISSION_DENIED | AccountService/PauseAccount needs the role operator; token:ci has submitter`,
		`token:ci | BatchService/CancelJobs | B | OK | 2 jobs of 1 batches changed; reason "enough"`,
		`token:ci | BatchService/CancelJob | B/2 | OK | reason "wrong cut"`,
		`token:ci | BatchService/UpdateBatch | B | OK | priority 50 -> 90`,
		`token:ci | BatchService/SubmitBatch | B | OK | request id "r"; display name "night run"; 3 jobs`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("entries:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, tt := range []struct {
		name string
		req  *stokerv1.ListEntriesRequest
		want int
	}{
		{"a principal's", &stokerv1.ListEntriesRequest{Principal: "token:admin"}, 2},
		{"a batch's with its jobs", &stokerv1.ListEntriesRequest{Target: id}, 4},
		{"a batch's by its number", &stokerv1.ListEntriesRequest{Target: "1"}, 4},
		{"a job's", &stokerv1.ListEntriesRequest{Target: id + "/2"}, 1},
		{"a job's by its numbers", &stokerv1.ListEntriesRequest{Target: "1/2"}, 1},
		{"of a batch that never was", &stokerv1.ListEntriesRequest{Target: "no-such-batch"}, 1},
		{"of a number that no batch has", &stokerv1.ListEntriesRequest{Target: "77/1"}, 0},
		{"an account's", &stokerv1.ListEntriesRequest{Target: "default"}, 2},
		{"a method's", &stokerv1.ListEntriesRequest{Methods: []string{"PauseAccount"}}, 2},
		{"a method's with its service", &stokerv1.ListEntriesRequest{Methods: []string{"AccountService/PauseAccount", "CancelJob"}}, 3},
		{"refused", &stokerv1.ListEntriesRequest{Outcomes: []string{"PERMISSION_DENIED", "NOT_FOUND"}}, 2},
		{"of all filters", &stokerv1.ListEntriesRequest{Principal: "token:ci", Outcomes: []string{"OK"}, Target: id, Methods: []string{"SubmitBatch"}}, 1},
		{"of the last hour", &stokerv1.ListEntriesRequest{Since: timestamppb.New(time.Now().Add(-time.Hour))}, 8},
		{"of before", &stokerv1.ListEntriesRequest{Until: timestamppb.New(time.Now().Add(-time.Hour))}, 0},
		{"of a call", &stokerv1.ListEntriesRequest{CallId: "nothing"}, 0},
	} {
		if got := g.entries(admin, tt.req); len(got) != tt.want {
			t.Errorf("%d entries are %s, want %d: %v", len(got), tt.name, tt.want, got)
		}
	}
	if text := strings.Join(got, "\n"); strings.Contains(text, access.SecretPrefix) {
		t.Errorf("the audit log shows a secret: %s", text)
	}
}

// TestAuditIsWrittenWithTheChange has the job table lose what comes after the change itself.
func TestAuditIsWrittenWithTheChange(t *testing.T) {
	g := newGuarded(t, func(_ *identity.Config, c *server.Config) { c.Access = noLateEntries{c.Access} })
	operator := g.token("ops", access.Operator)
	resp, err := g.batches.SubmitBatch(operator, submission(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.batches.PauseBatch(operator, &stokerv1.PauseBatchRequest{BatchId: resp.GetBatch().GetId()}); err != nil {
		t.Fatal(err)
	}
	list, err := g.access.Entries(t.Context(), access.EntryFilter{})
	if err != nil || len(list) != 2 || list[0].Outcome != access.OutcomeOK || list[0].Detail != "state ACTIVE -> PAUSED" {
		t.Errorf("entries %+v, %v", list, err)
	}
}

// noLateEntries is an audit log that takes nothing but what comes with a change.
type noLateEntries struct{ server.AccessStore }

func (noLateEntries) WriteEntry(context.Context, access.Entry) error { return job.ErrUnavailable }

// TestRefusalsAreCounted has a caller be refused a hundred times within a minute.
func TestRefusalsAreCounted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		ctx, stop := context.WithCancelCause(t.Context())
		running := make(chan error, 1)
		go func() { running <- g.server.Run(ctx) }()
		viewer := g.token("viewer", access.Viewer)
		for range 100 {
			_, err := g.account.PauseAccount(viewer, &stokerv1.PauseAccountRequest{AccountId: "default"})
			wantCode(t, err, codes.PermissionDenied)
		}
		time.Sleep(2 * time.Minute) // simulated
		list, err := g.access.Entries(t.Context(), access.EntryFilter{Outcomes: []string{"PERMISSION_DENIED"}})
		if err != nil || len(list) != 11 || list[0].Refused != 90 {
			t.Errorf("%d entries of 100 refused calls, the latest of which counts %d: %v", len(list), list[0].Refused, err)
		}
		// A stranger has the service write nothing.
		for range 20 {
			_, err := g.account.PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default"})
			wantCode(t, err, codes.Unauthenticated)
		}
		if after, err := g.access.Entries(t.Context(), access.EntryFilter{}); err != nil || len(after) != len(list) {
			t.Errorf("%d entries after calls of a stranger, %v, want %d", len(after), err, len(list))
		}
		if n := server.NewFigures(g.server).RefusedCallers(); n != 20 {
			t.Errorf("%d callers refused, want 20", n)
		}
		stop(nil)
		if err := <-running; err != nil {
			t.Error(err)
		}
	})
}

// TestAuditRetention has entries become older than they are kept.
func TestAuditRetention(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := newGuarded(t, func(_ *identity.Config, c *server.Config) { c.AuditRetention = 48 * time.Hour })
		ctx, stop := context.WithCancelCause(t.Context())
		running := make(chan error, 1)
		go func() { running <- g.server.Run(ctx) }()
		operator := g.token("ops", access.Operator)
		pause := func() {
			if _, err := g.account.PauseAccount(operator, &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
				t.Fatal(err)
			}
		}
		pause()
		time.Sleep(30 * time.Hour) // simulated
		pause()
		time.Sleep(20 * time.Hour)
		if list, err := g.access.Entries(t.Context(), access.EntryFilter{}); err != nil || len(list) != 1 {
			t.Errorf("%d entries are left, %v, want the later one", len(list), err)
		}
		stop(nil)
		if err := <-running; err != nil {
			t.Error(err)
		}
	})
}
