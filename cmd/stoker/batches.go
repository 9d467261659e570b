package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

// listBatches is the command line of batches.
type batchList struct {
	*cli
	states, labels []string
	limit          int
	attention      bool
	request        stokerv1.ListBatchesRequest
}

func batchesCommand(c *cli) *cobra.Command {
	l := &batchList{cli: c}
	cmd := &cobra.Command{
		Use:   "batches",
		Short: "List batches: first those that need somebody, then the unfinished, then the finished.",
		Example: `  stoker batches
  stoker batches --state failed --label team=vod
  stoker batches --attention --by @me
  stoker batches --sort -failed -n 5
  stoker batches --state active --watch
  stoker batches -o json --jq '.[].display_name'`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.StringSliceVar(&l.states, "state", nil, "only batches in this `STATE`, such as active or failed")
	f.StringArrayVarP(&l.labels, "label", "l", nil, "only batches with this label, `KEY=VALUE`")
	f.StringVar(&l.request.Account, "account", "", "only batches of this `ACCOUNT`")
	f.StringVar(&l.request.Text, "name", "", "only batches with this `TEXT` in their name")
	f.StringVar(&l.request.CreatedBy, "by", "", "only batches that this `PRINCIPAL` has submitted, such as token:ci; @me is you")
	f.BoolVar(&l.attention, "attention", false, "failed batches too among those that need somebody, which come first")
	f.IntVarP(&l.limit, "limit", "n", 50, "how many at most")
	var watched bool
	f.BoolVarP(&watched, "watch", "w", false, "go on showing what changes, until it is interrupted")
	completeFlag(cmd, "state", append(batchStateNames(), waitingState))
	completeFlagFrom(cmd, "by", completions{c}.creators)
	cmd.MarkFlagsMutuallyExclusive("attention", "watch")
	c.addListingFlags(cmd, ui.Batches().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		if watched {
			return l.watch(ctx, conn)
		}
		return l.print(ctx, conn, givenFilters(cmd, "state", "label", "account", "name", "by"))
	})
}

// print prints batches. filters is how the user chose among them.
func (l *batchList) print(ctx context.Context, conn *client.Client, filters string) (err error) {
	if l.request.Labels, err = parseLabels(l.labels); err != nil {
		return err
	}
	if l.limit < 1 {
		return usagef("--limit %d: want at least 1", l.limit)
	}
	limit := l.limit
	if l.out.Sort != "" {
		l.out.Most, limit = l.limit, math.MaxInt
	}
	listing := ui.Batches()
	if len(l.states) == 1 {
		listing.Leave = []string{"STATE"}
	}
	reader, err := newBatchReader(conn, l)
	if err != nil {
		return err
	}
	write := reader.write
	if l.attention {
		write = reader.writeByAttention
	}
	to, err := newWriter(l.cli, listing)
	if err != nil {
		return err
	}
	shown, need, err := write(ctx, to, limit)
	if err != nil {
		return err
	}
	switch shown = min(shown, l.limit); {
	case shown == 0:
		return l.noteNone(ctx, conn, filters)
	case int64(shown) < reader.total:
		l.note("%s of %s", output.Number(shown), ui.BatchCount(reader.total))
	}
	if l.hints() && !output.Shows(to, "DETAIL") {
		l.noteNeeds(need)
	}
	return nil
}

// noteNeeds names the batches that need somebody, and the command that explains the first.
func (l *batchList) noteNeeds(need []*stokerv1.Batch) {
	if len(need) == 0 {
		return
	}
	const few = 3
	var words []string
	for _, b := range need[:min(few, len(need))] {
		words = append(words, ui.BatchName(b.GetNumber(), b.GetId())+" "+ui.NeedsSomebody(b))
	}
	if more := len(need) - few; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	verb := "need"
	if len(need) == 1 {
		verb = "needs"
	}
	l.note("%d %s somebody: %s", len(need), verb, strings.Join(words, ", "))
	l.note("  stoker batch %s", ui.BatchName(need[0].GetNumber(), need[0].GetId()))
}

// noteNone says why a list is empty: there are no batches, or none that match.
func (l *batchList) noteNone(ctx context.Context, conn *client.Client, filters string) error {
	all, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{PageSize: 1})
	switch {
	case err != nil:
		return err
	case len(all.GetBatches()) == 0:
		l.note("No batches yet. stoker submit titles.csv sends one.")
	default:
		l.note("None of %s matches %s.", ui.BatchCount(all.GetTotalCount()), filters)
	}
	return nil
}

// waitingState is what --state calls active batches that have no job at the platform.
const waitingState = "waiting"

// batchReader reads batches in the order in which they are listed: first those that need somebody, then
// the others that have not ended, then those that have; of each the newest first.
type batchReader struct {
	conn       *client.Client
	unfinished *stokerv1.ListBatchesRequest // nil: none is wanted
	finished   *stokerv1.ListBatchesRequest // nil: none is wanted
	attention  *stokerv1.ListBatchesRequest // all of both, in the order of attention
	waits      bool                         // only batches that wait, of the active ones
	total      int64                        // how many batches match, if that is known
}

func newBatchReader(conn *client.Client, l *batchList) (*batchReader, error) {
	r := &batchReader{conn: conn}
	var names []string
	for _, name := range l.states {
		if strings.EqualFold(name, waitingState) {
			r.waits, name = true, "active"
		}
		names = append(names, name)
	}
	states, err := parseBatchStates(names)
	if err != nil {
		return nil, err
	}
	r.waits = r.waits && len(names) == 1
	of := func(ended bool) *stokerv1.ListBatchesRequest {
		request := proto.CloneOf(&l.request)
		for n := stokerv1.BatchState(1); stokerv1.BatchState_name[int32(n)] != ""; n++ {
			if ui.BatchEnded(&stokerv1.Batch{State: n}) == ended && (len(states) == 0 || slices.Contains(states, n)) {
				request.States = append(request.States, n)
			}
		}
		if len(request.GetStates()) == 0 {
			return nil
		}
		return request
	}
	r.unfinished, r.finished = of(false), of(true)
	r.attention = proto.CloneOf(&l.request)
	r.attention.Order, r.attention.States = stokerv1.BatchOrder_BATCH_ORDER_ATTENTION, states
	if l.attention && r.waits {
		return nil, usagef("--attention: leave out --state waiting, which no server knows")
	}
	return r, nil
}

// writeByAttention is [batchReader.write] in the order of attention, which is the server's.
func (r *batchReader) writeByAttention(ctx context.Context, to output.Writer[*stokerv1.Batch], limit int) (shown int, need []*stokerv1.Batch, err error) {
	err = r.pages(ctx, r.attention, limit, func(b *stokerv1.Batch) error {
		if ui.NeedsSomebody(b) != "" {
			need = append(need, b)
		}
		shown++
		return to.Add(b)
	})
	if err != nil {
		return shown, nil, err
	}
	return shown, need, to.End()
}

// write writes at most limit batches. It returns how many, and those that need somebody.
func (r *batchReader) write(ctx context.Context, to output.Writer[*stokerv1.Batch], limit int) (shown int, need []*stokerv1.Batch, err error) {
	var others []*stokerv1.Batch
	err = r.pages(ctx, r.unfinished, math.MaxInt, func(b *stokerv1.Batch) error {
		switch {
		case r.waits && !ui.BatchWaits(b):
		case ui.NeedsSomebody(b) != "":
			need = append(need, b)
		default:
			others = append(others, b)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	add := func(b *stokerv1.Batch) error {
		shown++
		return to.Add(b)
	}
	for _, b := range append(need[:len(need):len(need)], others...) {
		if shown == limit {
			break
		}
		if err := add(b); err != nil {
			return shown, nil, err
		}
	}
	if r.waits {
		r.total = int64(len(need) + len(others))
	}
	// The first page says how many there are, also if none of them is shown.
	if err := r.pages(ctx, r.finished, limit-shown, add); err != nil {
		return shown, nil, err
	}
	return shown, need, to.End()
}

// pages passes at most limit batches of a request to add, and counts all that match it.
func (r *batchReader) pages(ctx context.Context, request *stokerv1.ListBatchesRequest, limit int, add func(*stokerv1.Batch) error) error {
	if request == nil {
		return nil
	}
	for first := true; ; first = false {
		request.PageSize = int32(max(1, min(limit, job.MaxPageSize)))
		page, err := r.conn.Batches().ListBatches(ctx, request)
		if err != nil {
			return err
		}
		if first {
			r.total += page.GetTotalCount()
		}
		for _, b := range page.GetBatches()[:min(limit, len(page.GetBatches()))] {
			if err := add(b); err != nil {
				return err
			}
		}
		limit -= len(page.GetBatches())
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" || limit <= 0 {
			return nil
		}
	}
}
