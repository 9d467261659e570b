package server_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// guardedCatalog is a server with one entry of each kind that only the account other may use.
func guardedCatalog(t *testing.T) *guarded {
	t.Helper()
	others := []string{"other"}
	return newGuarded(t, func(_ *identity.Config, c *server.Config) {
		c.AllowInlineTemplates = true
		c.Catalog.Profiles["hevc"] = longRecipe()
		c.Catalog.ProfileAccounts = map[string][]string{"hevc": others}
		c.Catalog.TemplateAccounts = map[string][]string{"plain": others}
		c.Catalog.Storages["vault"] = server.Storage{
			Input: true, Output: true, InputBase: "masters", OutputBase: "kept", InputAccounts: others, OutputAccounts: others,
		}
		c.Catalog.Storages["intake"] = server.Storage{Input: true, InputAccounts: others}
		c.Catalog.Storages["spool"] = server.Storage{Output: true, OutputAccounts: others}
		c.Catalog.Storages["halved"] = server.Storage{Input: true, Output: true, InputAccounts: others}
	})
}

// longRecipe is a recipe with longer paths than the others.
func longRecipe() job.Recipe {
	r := job.DefaultRecipe()
	r.Muxings[0].Directory = strings.Repeat("n", 200)
	return r
}

// probes are submissions that name an entry of the catalog, with jobs whose paths tell of what the entry is.
func probes(account, name string) map[string]*stokerv1.SubmitBatchRequest {
	jobs := func() []*stokerv1.JobSpec {
		return []*stokerv1.JobSpec{
			{InputPath: "../a.mov", OutputPath: "a"},
			{InputPath: "https://masters.example.com/masters/b.mov", OutputPath: "s3://bucket/kept/b"},
			{InputPath: strings.Repeat("c", job.MaxPath-3), OutputPath: strings.Repeat("c", job.MaxPath-60)},
		}
	}
	probe := func(change func(*stokerv1.SubmitBatchRequest)) *stokerv1.SubmitBatchRequest {
		req := &stokerv1.SubmitBatchRequest{Account: account, ValidateOnly: true, Jobs: jobs()}
		change(req)
		return req
	}
	return map[string]*stokerv1.SubmitBatchRequest{
		"profile": probe(func(r *stokerv1.SubmitBatchRequest) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: name}
		}),
		"template": probe(func(r *stokerv1.SubmitBatchRequest) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: name}
		}),
		"input":         probe(func(r *stokerv1.SubmitBatchRequest) { r.Input = name }),
		"output":        probe(func(r *stokerv1.SubmitBatchRequest) { r.Output = name }),
		"output_folder": probe(func(r *stokerv1.SubmitBatchRequest) { r.Output, r.OutputFolder = name, "s3://bucket/kept/b" }),
	}
}

// Whoever may use nothing of another account learns nothing of it from what is said of a submission: that is word for
// word what is said of a name that does not exist.
func TestHiddenEntryIsUnknown(t *testing.T) {
	g := guardedCatalog(t)
	here := g.token("here", access.Operator, "default")
	said := func(req *stokerv1.SubmitBatchRequest, name string) string {
		_, err := g.batches.SubmitBatch(here, req)
		wantCode(t, err, codes.InvalidArgument)
		return strings.ReplaceAll(violations(err), `"`+name+`"`, `"NAME"`)
	}
	for _, name := range []string{"hevc", "plain", "vault", "intake", "spool"} {
		nothing := probes("default", "nowhere")
		for kind, req := range probes("default", name) {
			if got, want := said(req, name), said(nothing[kind], "nowhere"); got != want {
				t.Errorf("%s %s is told from one that does not exist:\n%s\nwant:\n%s", kind, name, got, want)
			}
		}
	}
	// Of a storage that can be read by others alone, and written by all, only the one is known.
	if got, want := said(probes("default", "halved")["input"], "halved"), `storage "NAME" cannot be used as input; there are: archive, default`; !strings.Contains(got, want) {
		t.Errorf("a storage of which only the output is for account default:\n%s\nwant: %s", got, want)
	}
}

// Whoever names the account of somebody else is not told what that account may use, nor whether there is one.
func TestEntriesOfAHiddenAccount(t *testing.T) {
	g := guardedCatalog(t)
	here := g.token("here", access.Operator, "default")
	said := func(ctx context.Context, account string, req *stokerv1.SubmitBatchRequest) string {
		_, err := g.batches.SubmitBatch(ctx, req)
		wantCode(t, err, codes.InvalidArgument)
		return strings.ReplaceAll(violations(err), `"`+account+`"`, `"ACCOUNT"`)
	}
	for _, name := range []string{"hevc", "plain", "vault", "intake", "spool", "halved", "nowhere", "default"} {
		nobody := probes("nobody", name)
		for kind, req := range probes("other", name) {
			got, want := said(here, "other", req), said(here, "nobody", nobody[kind])
			if got != want {
				t.Errorf("%s %s for account other:\n%s\nwant, as for one that does not exist:\n%s", kind, name, got, want)
			}
			for _, hidden := range []string{"hevc", "plain", "vault", "intake", "spool"} {
				if hidden != name && strings.Contains(got, hidden) {
					t.Errorf("%s %s for account other tells of %s:\n%s", kind, name, hidden, got)
				}
			}
		}
	}
}

// An inline template that names a secret is refused for everybody, whether there is a secret of that name or not.
func TestInlineTemplateNamesNoSecret(t *testing.T) {
	g := guardedCatalog(t)
	here := g.token("here", access.Submitter, "default")
	for _, name := range []string{"drm", "nowhere"} {
		text := strings.Replace(plainTemplate, "${input_path}", "${secret:"+name+"}/${input_path}", 1)
		if text == plainTemplate {
			t.Fatal("the template has no input path")
		}
		_, err := g.batches.SubmitBatch(here, &stokerv1.SubmitBatchRequest{ValidateOnly: true, Jobs: specs(1, 1), EncodeWith: &stokerv1.SubmitBatchRequest_InlineTemplate{
			InlineTemplate: &stokerv1.InlineTemplate{Yaml: text},
		}})
		if got, want := violations(err), `inline_template.yaml: uses the secret "`+name+`", and only templates of the configuration may use secrets`; !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The secrets of a template that is gone from the configuration, or has changed, do not go to another account with a
// batch that is submitted again.
func TestResubmitTakesNoSecretToAnotherAccount(t *testing.T) {
	with := job.Template{Name: "drm", Text: strings.Replace(plainTemplate, "start: {}", `properties: {description: "${secret:drm}"}`+"\n    start: {}", 1)}
	without := job.Template{Name: "drm", Text: plainTemplate}
	for name, now := range map[string]*job.Template{"as it was": &with, "without the secret": &without, "gone": nil} {
		g := newGuarded(t, func(_ *identity.Config, c *server.Config) {
			if now != nil {
				c.Catalog.Templates["drm"] = *now
			}
		})
		ops := g.token("ops", access.Operator)
		old := g.stored(job.Batch{
			AccountID: "default", Template: &with, Output: job.StorageRef{Name: "default"},
		})
		for account, want := range map[string]bool{"": true, "default": true, "other": now == &with} {
			_, err := g.batches.ResubmitBatch(ops, &stokerv1.ResubmitBatchRequest{BatchId: old, Account: account, ValidateOnly: true})
			if (err == nil) != want {
				t.Errorf("the template is %s, for account %q: %v %s", name, account, err, violations(err))
			}
			if err != nil && !strings.HasPrefix(violations(err), `account: template "drm", with which the batch was encoded, uses a secret`) {
				t.Errorf("the template is %s, for account %q: %s", name, account, violations(err))
			}
		}
	}
}
