package server_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// TestCatalogOfAccounts has a profile, a template and a storage that only one account may use.
func TestCatalogOfAccounts(t *testing.T) {
	g := newGuarded(t, func(_ *identity.Config, c *server.Config) {
		c.Catalog.ProfileAccounts = map[string][]string{"hevc": {"other"}}
		c.Catalog.TemplateAccounts = map[string][]string{"plain": {"other"}}
		c.Catalog.Storages["vault"] = server.Storage{Input: true, Output: true, InputAccounts: []string{"other"}, OutputAccounts: []string{"other"}}
	})
	here, there, everywhere := g.token("here", access.Submitter, "default"), g.token("there", access.Submitter, "other"), g.token("ops", access.Operator)
	for _, tt := range []struct {
		name, field string
		change      func(*stokerv1.SubmitBatchRequest)
	}{
		{"hevc", "profile", func(r *stokerv1.SubmitBatchRequest) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: "hevc"}
		}},
		{"plain", "template", func(r *stokerv1.SubmitBatchRequest) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: "plain"}
		}},
		{"vault", "input", func(r *stokerv1.SubmitBatchRequest) { r.Input = "vault" }},
		{"vault", "output", func(r *stokerv1.SubmitBatchRequest) { r.Output = "vault" }},
	} {
		submit := func(ctx context.Context, account string) string {
			req := &stokerv1.SubmitBatchRequest{Account: account, ValidateOnly: true, Jobs: specs(1, 1)}
			tt.change(req)
			_, err := g.batches.SubmitBatch(ctx, req)
			return violations(err)
		}
		if got := submit(here, "default"); !strings.Contains(got, tt.field+": unknown") {
			t.Errorf("%s %s, for whoever cannot use it at all: %q", tt.field, tt.name, got)
		}
		if got := submit(everywhere, "default"); !strings.Contains(got, `is not for account "default"`) {
			t.Errorf("%s %s, for whoever can use it with another account: %q", tt.field, tt.name, got)
		}
		if got := submit(there, "other"); strings.Contains(got, tt.field+":") {
			t.Errorf("%s %s, for whoever may use it: %q", tt.field, tt.name, got)
		}
	}
	catalog := stokerv1.NewCatalogServiceClient(g.conn)
	shown := func(ctx context.Context) (names []string) {
		profiles, err := catalog.ListProfiles(ctx, &stokerv1.ListProfilesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range profiles.GetProfiles() {
			names = append(names, p.GetName())
		}
		templates, err := catalog.ListTemplates(ctx, &stokerv1.ListTemplatesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range templates.GetTemplates() {
			names = append(names, p.GetName())
		}
		storages, err := catalog.ListStorages(ctx, &stokerv1.ListStoragesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range storages.GetStorages() {
			names = append(names, p.GetName())
		}
		return names
	}
	for _, name := range []string{"hevc", "plain", "vault"} {
		if strings.Contains(strings.Join(shown(here), " "), name) {
			t.Errorf("the catalog shows %s to whoever cannot use it", name)
		}
		if !strings.Contains(strings.Join(shown(there), " "), name) || !strings.Contains(strings.Join(shown(everywhere), " "), name) {
			t.Errorf("the catalog does not show %s to whoever may use it", name)
		}
	}
	_, err := catalog.GetProfile(here, &stokerv1.GetProfileRequest{Name: "hevc"})
	wantCode(t, err, codes.NotFound)
	_, err = catalog.GetTemplate(here, &stokerv1.GetTemplateRequest{Name: "plain"})
	wantCode(t, err, codes.NotFound)
}

// TestCatalogOfAnotherAccount submits for an account that the caller may not use, which tells nothing that a submission
// for an account that does not exist would not tell.
func TestCatalogOfAnotherAccount(t *testing.T) {
	g := newGuarded(t, func(_ *identity.Config, c *server.Config) {
		c.Catalog.ProfileAccounts = map[string][]string{"hevc": {"other"}, "default": {"default", "other"}}
		c.Catalog.TemplateAccounts = map[string][]string{"plain": {"other"}, "ladder": {"default", "other"}}
		c.Catalog.Storages["vault"] = server.Storage{Input: true, Output: true, InputAccounts: []string{"other"}, OutputAccounts: []string{"other"}}
		c.Catalog.Storages["shared"] = server.Storage{Input: true, Output: true, InputAccounts: []string{"default", "other"}, OutputAccounts: []string{"default", "other"}}
	})
	here := g.token("here", access.Submitter, "default")
	mine, err := g.batches.SubmitBatch(here, &stokerv1.SubmitBatchRequest{Account: "default", Jobs: specs(1, 1), EncodeWith: &stokerv1.SubmitBatchRequest_Profile{Profile: "default"}})
	if err != nil {
		t.Fatal(err, violations(err))
	}
	profile := func(name string) *stokerv1.SubmitBatchRequest {
		return &stokerv1.SubmitBatchRequest{EncodeWith: &stokerv1.SubmitBatchRequest_Profile{Profile: name}}
	}
	template := func(name string) *stokerv1.SubmitBatchRequest {
		return &stokerv1.SubmitBatchRequest{EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: name}}
	}
	submit := func(req *stokerv1.SubmitBatchRequest) func(account string) error {
		return func(account string) error {
			req.Account, req.ValidateOnly, req.Jobs = account, true, specs(1, 1)
			_, err := g.batches.SubmitBatch(here, req)
			return err
		}
	}
	for name, call := range map[string]func(account string) error{
		"unknown profile":  submit(profile("x")),
		"profile":          submit(profile("default")),
		"unknown template": submit(template("x")),
		"template":         submit(template("ladder")),
		"unknown storages": submit(&stokerv1.SubmitBatchRequest{Input: "x", Output: "x"}),
		"storages":         submit(&stokerv1.SubmitBatchRequest{Input: "shared", Output: "shared"}),
		"resubmission": func(account string) error {
			_, err := g.batches.ResubmitBatch(here, &stokerv1.ResubmitBatchRequest{BatchId: mine.GetBatch().GetId(), Account: account})
			return err
		},
	} {
		missing := strings.ReplaceAll(violations(call("nowhere")), "nowhere", "other")
		if got := violations(call("other")); got != missing || got == "" {
			t.Errorf("%s, for an account of others:\n%s\nfor one that does not exist:\n%s", name, got, missing)
		}
	}
}

// TestKeyUse holds that what reaches everything that the API key reaches asks for an operator, unless the
// configuration says otherwise.
func TestKeyUse(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		g := newGuarded(t, func(_ *identity.Config, c *server.Config) { c.AllowInlineTemplates = allowed })
		submitter, operator := g.token("ci", access.Submitter), g.token("ops", access.Operator)
		inline := &stokerv1.SubmitBatchRequest_InlineTemplate{InlineTemplate: &stokerv1.InlineTemplate{Yaml: templates()["plain"].Text}}
		for name, change := range map[string]func(*stokerv1.SubmitBatchRequest){
			"inline_template": func(r *stokerv1.SubmitBatchRequest) { r.EncodeWith = inline },
			"input_id":        func(r *stokerv1.SubmitBatchRequest) { r.InputId = "00000000-0000-0000-0000-000000000001" },
			"output_id":       func(r *stokerv1.SubmitBatchRequest) { r.OutputId = "00000000-0000-0000-0000-000000000001" },
		} {
			submit := func(ctx context.Context) error {
				req := &stokerv1.SubmitBatchRequest{ValidateOnly: true, Jobs: specs(1, 1)}
				change(req)
				_, err := g.batches.SubmitBatch(ctx, req)
				return err
			}
			if denied := status.Code(submit(submitter)) == codes.PermissionDenied; denied == allowed {
				t.Errorf("%s by a submitter, allowed %t: %v", name, allowed, submit(submitter))
			}
			if err := submit(operator); status.Code(err) == codes.PermissionDenied {
				t.Errorf("%s by an operator: %v", name, err)
			}
		}
		own := g.stored(job.Batch{
			AccountID: "default", CreatedBy: "token:ci", Open: true, Template: new(job.Template{Text: templates()["plain"].Text}),
		})
		_, err := g.batches.AddJobs(submitter, &stokerv1.AddJobsRequest{BatchId: own, Jobs: specs(7, 1)})
		if denied := status.Code(err) == codes.PermissionDenied; denied == allowed {
			t.Errorf("jobs for a batch with an inline template by a submitter, allowed %t: %v", allowed, err)
		}
		who, err := stokerv1.NewAccessServiceClient(g.conn).WhoAmI(submitter, &stokerv1.WhoAmIRequest{})
		if err != nil || who.GetInlineTemplatesAllowed() != allowed {
			t.Errorf("WhoAmI: %v, %v", who, err)
		}
	}
}

// TestResubmitForAnotherAccount submits a batch again with an account that may not use its profile or template.
func TestResubmitForAnotherAccount(t *testing.T) {
	g := newGuarded(t, func(_ *identity.Config, c *server.Config) {
		c.Catalog.ProfileAccounts = map[string][]string{"hevc": {"other"}}
		c.Catalog.TemplateAccounts = map[string][]string{"plain": {"other"}}
	})
	ops, there := g.token("ops", access.Operator), g.token("there", access.Operator, "other")
	for kind, req := range map[string]*stokerv1.SubmitBatchRequest{
		`profile "hevc"`:   {EncodeWith: &stokerv1.SubmitBatchRequest_Profile{Profile: "hevc"}},
		`template "plain"`: {EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "plain"}},
	} {
		req.Account, req.Jobs = "other", specs(1, 1)
		first, err := g.batches.SubmitBatch(ops, req)
		if err != nil {
			t.Fatal(err, violations(err))
		}
		again := &stokerv1.ResubmitBatchRequest{BatchId: first.GetBatch().GetId(), ValidateOnly: true}
		resubmit := func(ctx context.Context, account string) error {
			again.Account = account
			_, err := g.batches.ResubmitBatch(ctx, again)
			return err
		}
		for _, account := range []string{"", "other"} {
			if err := resubmit(ops, account); err != nil {
				t.Errorf("%s for account %q: %v %s", kind, account, err, violations(err))
			}
		}
		if got, want := violations(resubmit(ops, "default")), kind+`, with which the batch was encoded, is not for account "default"`; !strings.Contains(got, want) {
			t.Errorf("%s for account default: %q, want %q", kind, got, want)
		}
		if got, want := violations(resubmit(there, "default")), `account: unknown account "default"; there are: other`; !strings.Contains(got, want) {
			t.Errorf("%s for an account out of reach: %q, want %q", kind, got, want)
		}
		again.EncodeWith = &stokerv1.ResubmitBatchRequest_Profile{Profile: "default"}
		if err := resubmit(ops, "default"); err != nil {
			t.Errorf("with a profile that account default may use: %v %s", err, violations(err))
		}
	}
}

// What a submitter may not submit again is refused in a dry run as well: the batch uses the API key as only an operator may.
func TestResubmitDryRunChecksKeyUse(t *testing.T) {
	g := newGuarded(t, nil)
	ops, sub := g.token("ops", access.Operator), g.token("sub", access.Submitter)
	first, err := g.batches.SubmitBatch(ops, &stokerv1.SubmitBatchRequest{Jobs: specs(1, 1), InputId: "11f58d73"})
	if err != nil {
		t.Fatal(err, violations(err))
	}
	for _, dry := range []bool{true, false} {
		again := &stokerv1.ResubmitBatchRequest{BatchId: first.GetBatch().GetId(), ValidateOnly: dry}
		_, err := g.batches.ResubmitBatch(sub, again)
		wantCode(t, err, codes.PermissionDenied)
		if _, err := g.batches.ResubmitBatch(ops, again); err != nil {
			t.Errorf("by an operator, dry run %t: %v", dry, err)
		}
	}
}
