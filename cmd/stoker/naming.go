package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// naming finds the batches and jobs that users name; stoker help names has the rules. Every command that
// takes a name of a batch or job uses it.
type naming struct {
	c    *cli
	conn *client.Client
	// strict is for commands that change something: the name may fit one thing only. Otherwise the first
	// rule by which a name fits decides.
	strict bool
}

// lookup finds what names are for, for a command that only reads.
func (c *cli) lookup(conn *client.Client) naming { return naming{c: c, conn: conn} }

// lookupOne is [cli.lookup] for a command that changes something.
func (c *cli) lookupOne(conn *client.Client) naming { return naming{c: c, conn: conn, strict: true} }

const (
	// lastBatch names the newest batch of the user.
	lastBatch = "@last"
	// myself stands for the user where the name of a principal is wanted.
	myself = "@me"
)

// maxCandidates is how many things of one name are listed.
const maxCandidates = 20

var (
	wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
	wholeID     = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	partOfID    = regexp.MustCompile(`^[0-9A-Fa-f][0-9A-Fa-f-]{7,}$`)
)

// batch finds the batch with a name. The error for a name that no batch has, or several, is a usage error,
// the latter with all of them.
func (n naming) batch(ctx context.Context, name string) (*stokerv1.Batch, error) {
	if name == "" || !utf8.ValidString(name) {
		return nil, usagef("%q cannot be the name of a batch", name)
	}
	if wholeID.MatchString(name) {
		response, err := n.conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: name})
		return response.GetBatch(), err // nothing else can be meant
	}
	var found candidates
	for _, rule := range []func(context.Context, string) (candidates, error){n.byNumber, n.byPrefix, n.byPosition, n.byDisplayName} {
		more, err := rule(ctx, name)
		if err != nil {
			return nil, err
		}
		found.add(more)
		if !n.strict && len(found.batches) > 0 {
			break
		}
	}
	switch {
	case len(found.batches) == 0:
		return nil, n.unknownBatch(ctx, name)
	case len(found.batches) == 1:
		return found.batches[0], nil
	case n.strict || found.chosen == nil:
		return nil, n.ambiguousBatch(name, found)
	}
	n.c.note("%q is %d, %s", name, found.chosen.GetNumber(), found.why)
	return found.chosen, nil
}

// batchNumber finds the batch with a name, and returns what requests and hints call it.
func (n naming) batchNumber(ctx context.Context, name string) (string, error) {
	b, err := n.batch(ctx, name)
	return ui.BatchName(b.GetNumber(), b.GetId()), err
}

// wholeBatch is [naming.batch] with all that the server tells of a single batch.
func (n naming) wholeBatch(ctx context.Context, name string) (*stokerv1.Batch, error) {
	b, err := n.batch(ctx, name)
	if err != nil || wholeNumber.MatchString(name) || wholeID.MatchString(name) {
		return b, err
	}
	response, err := n.conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: b.GetId()})
	return response.GetBatch(), err
}

// candidates are the batches that a name fits. If there are several, chosen is the one that a reading command
// takes, and why says why; nil: none of them.
type candidates struct {
	batches []*stokerv1.Batch
	rule    string // what they have in common
	chosen  *stokerv1.Batch
	why     string
}

// add adds the candidates of the next rule. A batch that fits two rules is one candidate.
func (f *candidates) add(more candidates) {
	if len(f.batches) == 0 {
		*f = more
		return
	}
	for _, b := range more.batches {
		if !containsBatch(f.batches, b.GetId()) {
			f.batches, f.rule = append(f.batches, b), "%d batches are called %q"
		}
	}
}

func containsBatch(batches []*stokerv1.Batch, id string) bool {
	for _, b := range batches {
		if b.GetId() == id {
			return true
		}
	}
	return false
}

func (n naming) byNumber(ctx context.Context, name string) (candidates, error) {
	if !wholeNumber.MatchString(name) {
		return candidates{}, nil
	}
	response, err := n.conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: name})
	if isUnknown(err) {
		return candidates{}, nil
	}
	if err != nil {
		return candidates{}, err
	}
	return candidates{batches: []*stokerv1.Batch{response.GetBatch()}}, nil
}

func (n naming) byPrefix(ctx context.Context, name string) (candidates, error) {
	if !partOfID.MatchString(name) || len(name) > 36 {
		return candidates{}, nil
	}
	page, err := n.conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{IdPrefix: strings.ToLower(name), PageSize: maxCandidates})
	return candidates{batches: page.GetBatches(), rule: "the ids of %d batches begin with %q"}, err
}

func (n naming) byPosition(ctx context.Context, name string) (candidates, error) {
	if name != lastBatch {
		return candidates{}, nil
	}
	page, err := n.conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{CreatedBy: myself, PageSize: 1})
	return candidates{batches: page.GetBatches()}, err
}

func (n naming) byDisplayName(ctx context.Context, name string) (candidates, error) {
	if utf8.RuneCountInString(name) > maxDisplayName {
		return candidates{}, nil
	}
	page, err := n.conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{DisplayName: name, PageSize: maxCandidates})
	if err != nil {
		return candidates{}, err
	}
	found := candidates{batches: page.GetBatches(), rule: "%d batches are called %q"}
	var unfinished []*stokerv1.Batch
	for _, b := range found.batches {
		if !ui.BatchEnded(b) {
			unfinished = append(unfinished, b)
		}
	}
	switch {
	case len(found.batches) < 2:
	case len(unfinished) == 1:
		found.chosen, found.why = unfinished[0], fmt.Sprintf("the only one of %d that has not ended", len(found.batches))
	case len(unfinished) == 0:
		found.chosen, found.why = found.batches[0], fmt.Sprintf("the newest of %d, which have all ended", len(found.batches))
	}
	return found, nil
}

// maxDisplayName is how many characters the name of a batch may have.
const maxDisplayName = 200

// unknownBatch is the error for a name that no batch has. It lists the batches that have it in their names.
func (n naming) unknownBatch(ctx context.Context, name string) error {
	if name == lastBatch {
		return unnamed("  stoker batches", "you have submitted no batch yet; to see those of others")
	}
	if utf8.RuneCountInString(name) > maxDisplayName {
		return unnamed("", "there is no batch %q", name)
	}
	page, err := n.conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{Text: name, PageSize: maxCandidates})
	if err != nil || len(page.GetBatches()) == 0 {
		return unnamed("  stoker batches", "there is no batch %q; to see which there are", name)
	}
	return unnamed(n.batchTable(page.GetBatches()), "there is no batch %q; did you mean one of these?", name)
}

// unnamedError says that nothing has a name.
type unnamedError struct{ text string }

func (e *unnamedError) Error() string { return e.text }

// unnamed is a usage error for a name that nothing has, with what to print below it. Strings among args are
// made [output.Printable].
func unnamed(below, format string, args ...any) error {
	return &exitError{code: exitUsage, err: &unnamedError{fmt.Sprintf(format, output.PrintableArgs(args)...)}, below: below}
}

// isUnnamed reports whether an error says that nothing has a name.
func isUnnamed(err error) bool {
	_, ok := errors.AsType[*unnamedError](err)
	return ok || isUnknown(err)
}

// ambiguousBatch is the error for a name that several batches have.
func (n naming) ambiguousBatch(name string, found candidates) error {
	text := fmt.Sprintf(found.rule, len(found.batches), output.Printable(name))
	if n.strict {
		text += "; nothing was changed"
	}
	return &exitError{code: exitUsage, err: fmt.Errorf("%s", text), below: n.batchTable(found.batches)}
}

// isUnknown reports whether a call failed because what it names does not exist.
func isUnknown(err error) bool { return status.Code(err) == codes.NotFound }
