package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// unfinished are the states of batches that may still have jobs to configure.
var unfinished = []job.BatchState{job.BatchOpen, job.BatchActive, job.BatchPaused}

// batchesRead is how many batches are read at once to see what they need.
const batchesRead = 500

// maxNamed is how many batches a refusal names.
const maxNamed = 5

// checkNeeded refuses a configuration without a storage or secret that an unfinished batch needs and has now, and one
// that takes it away from the batch's account alone. Its jobs would wait for it, and nobody might notice. Batches bring
// their recipes and templates along: profiles and templates can be taken away.
func (r *reloader) checkNeeded(ctx context.Context, cfg *config.Config) error {
	needs := newNeeds(r.current.Load(), cfg)
	if needs.none() {
		return nil
	}
	for before := int64(0); ; {
		page, err := r.service.store.Batches(ctx, job.BatchFilter{States: unfinished, BeforeSeq: before, Limit: batchesRead})
		if err != nil {
			return err
		}
		for i := range page {
			needs.note(&page[i])
		}
		if len(page) < batchesRead {
			return needs.refusal()
		}
		before = page[len(page)-1].Seq
	}
}

// needs are the things that a configuration takes away, each with the unfinished batches that need it.
type needs struct {
	before, after *config.Config
	batches       map[lost][]int64    // their numbers
	secrets       map[string][]string // the secrets of a template, by its text
}

// lost is something that is taken away.
type lost struct {
	what    string // such as "input vault"
	account string // from which it is taken away; empty: from all
}

func newNeeds(before, after *config.Config) *needs {
	return &needs{before: before, after: after, batches: map[lost][]int64{}, secrets: map[string][]string{}}
}

// none reports whether nothing is taken away.
func (n *needs) none() bool {
	storages := func(before, after map[string]config.Storage) bool {
		for name, was := range before {
			if now, stays := after[name]; !stays || narrowed(was.Accounts, now.Accounts) {
				return false
			}
		}
		return true
	}
	for name, now := range n.after.TemplateAccounts {
		if narrowed(n.before.TemplateAccounts[name], now) {
			return false
		}
	}
	return storages(n.before.Inputs, n.after.Inputs) && storages(n.before.Outputs, n.after.Outputs) && len(n.goneSecrets()) == 0
}

// narrowed reports whether accounts that might use something no longer may; nil stands for all of them.
func narrowed(before, after []string) bool {
	return after != nil && (before == nil || slices.ContainsFunc(before, func(a string) bool { return !slices.Contains(after, a) }))
}

// takenFrom reports whether an account might use something and no longer may.
func takenFrom(account string, before, after []string) bool {
	return (before == nil || slices.Contains(before, account)) && after != nil && !slices.Contains(after, account)
}

// goneSecrets are the secrets that the configuration has no more.
func (n *needs) goneSecrets() []string {
	return slices.DeleteFunc(slices.Clone(n.before.SecretNames), func(name string) bool { return slices.Contains(n.after.SecretNames, name) })
}

// note notes what a batch needs.
func (n *needs) note(b *job.Batch) {
	add := func(l lost) { n.batches[l] = append(n.batches[l], b.Seq) }
	storage := func(kind string, ref job.StorageRef, before, after map[string]config.Storage) {
		was, had := before[ref.Name]
		now, has := after[ref.Name]
		switch what := kind + " " + ref.Name; {
		case ref.ID != "" || !had:
		case !has:
			add(lost{what: what})
		case takenFrom(b.AccountID, was.Accounts, now.Accounts):
			add(lost{what, b.AccountID})
		}
	}
	storage("input", b.Input, n.before.Inputs, n.after.Inputs)
	storage("output", b.Output, n.before.Outputs, n.after.Outputs)
	if b.Template == nil || b.Template.Name == "" {
		return
	}
	name, gone := b.Template.Name, n.goneSecrets()
	taken := takenFrom(b.AccountID, n.before.TemplateAccounts[name], n.after.TemplateAccounts[name])
	if !taken && len(gone) == 0 {
		return
	}
	secrets := n.secretsOf(b.Template)
	for _, secret := range secrets {
		if slices.Contains(gone, secret) {
			add(lost{what: "secret " + secret})
		}
	}
	if taken && len(secrets) > 0 {
		add(lost{"secrets of template " + name, b.AccountID})
	}
}

// secretsOf are the secrets that a template uses.
func (n *needs) secretsOf(t *job.Template) []string {
	names, known := n.secrets[t.Text]
	if !known {
		if parsed, _ := template.ParseStored(*t); parsed != nil {
			names = parsed.Secrets()
		}
		n.secrets[t.Text] = names
	}
	return names
}

// refusal is the error for what is needed; nil if nothing is.
func (n *needs) refusal() error {
	if len(n.batches) == 0 {
		return nil
	}
	var mistakes []config.Mistake
	for l, batches := range n.batches {
		text := "unfinished batches need it (" + numbersOf(batches) + "): leave it in until they have ended, or cancel them"
		if l.account != "" {
			text = fmt.Sprintf("unfinished batches of account %q need it (%s): leave the account in accounts until they have ended, or cancel them", l.account, numbersOf(batches))
		}
		mistakes = append(mistakes, config.Mistake{Where: l.what, Text: text})
	}
	slices.SortFunc(mistakes, func(a, b config.Mistake) int {
		return cmp.Or(strings.Compare(a.Where, b.Where), strings.Compare(a.Text, b.Text))
	})
	return &config.Error{Mistakes: mistakes}
}

// numbersOf lists the first numbers of batches, and how many others there are.
func numbersOf(batches []int64) string {
	var list []string
	for _, n := range batches[:min(len(batches), maxNamed)] {
		list = append(list, fmt.Sprint(n))
	}
	if more := len(batches) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
