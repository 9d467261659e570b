package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

// watch shows the batches and what changes in them, until the user interrupts it: on a terminal as a table that
// stays up to date, in a file or a pipe as one line for each change.
func (l *batchList) watch(ctx context.Context, conn *client.Client) error {
	request, waits, err := l.watchRequest()
	if err != nil {
		return err
	}
	if err := l.out.Check([]output.Format{output.FormatTable, output.FormatWide, output.FormatJSON, output.FormatJSONL}); err != nil {
		return usagef("--watch: %w", err)
	}
	if l.out.ForPrograms() {
		line, err := output.Lines(l.stdout, l.out)
		if err != nil {
			return usageError(err)
		}
		return followBatches(ctx, conn, request, func(m *stokerv1.WatchBatchesResponse, _ []*stokerv1.Batch) error { return line(m) })
	}
	if _, err := newWriter(l.cli, ui.Batches()); err != nil { // a flag may be wrong
		return err
	}
	if !output.Redrawable(l.stdout, l.getenv) {
		return l.watchLines(ctx, conn, request, waits)
	}
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	screen := ui.StartLiveText(ui.ScreenOptions{Out: l.stdout, In: l.stdin, Leave: func() { leave(errUserLeft) }})
	defer screen.Close()
	l.notifyLive = func(text string) { screen.Notify(l.look(l.stdout).Paint(output.Yellow, text)) }
	err = followBatches(ctx, conn, request, func(_ *stokerv1.WatchBatchesResponse, list []*stokerv1.Batch) error {
		text, err := l.table(list, waits)
		screen.Show(text)
		return err
	})
	if errors.Is(context.Cause(ctx), errUserLeft) {
		return errUserLeft
	}
	return err
}

// watchRequest is the request for the batches that the command line selects. waits says that only those that
// wait are shown, of the active ones.
func (l *batchList) watchRequest() (request *stokerv1.WatchBatchesRequest, waits bool, err error) {
	labels, err := parseLabels(l.labels)
	if err != nil {
		return nil, false, err
	}
	if l.limit < 1 || l.limit > job.MaxPageSize {
		return nil, false, usagef("--limit %d: want 1 to %d with --watch", l.limit, job.MaxPageSize)
	}
	names := slices.Clone(l.states)
	for i, name := range names {
		if strings.EqualFold(name, waitingState) {
			waits, names[i] = len(names) == 1, "active"
		}
	}
	states, err := parseBatchStates(names)
	return &stokerv1.WatchBatchesRequest{
		States: states, Labels: labels, Account: l.request.GetAccount(), Text: l.request.GetText(), CreatedBy: l.request.GetCreatedBy(), Limit: int32(l.limit),
	}, waits, err
}

// followBatches calls show with each message that has a change, and with all batches as they are then, in the
// order in which they are listed.
func followBatches(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchesRequest,
	show func(m *stokerv1.WatchBatchesResponse, list []*stokerv1.Batch) error,
) error {
	known := map[string]*stokerv1.Batch{}
	for m, err := range conn.WatchBatches(ctx, request) {
		if err != nil {
			return err
		}
		if m.GetHeartbeat() {
			continue
		}
		if m.GetSnapshot() {
			clear(known)
		}
		for _, id := range m.GetRemovedBatchIds() {
			delete(known, id)
		}
		for _, b := range m.GetBatches() {
			known[b.GetId()] = b
		}
		list := slices.SortedFunc(maps.Values(known), func(a, b *stokerv1.Batch) int {
			return cmp.Or(listRank(a)-listRank(b), cmp.Compare(b.GetNumber(), a.GetNumber()))
		})
		if err := show(m, list); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// listRank is where a batch is listed: first those that need somebody, then the unfinished, then the finished.
func listRank(b *stokerv1.Batch) int {
	switch {
	case ui.BatchEnded(b):
		return 2
	case ui.NeedsSomebody(b) != "":
		return 0
	}
	return 1
}

// table is the table of a list.
func (l *batchList) table(list []*stokerv1.Batch, waits bool) (string, error) {
	var text bytes.Buffer
	to, err := ui.Batches().NewWriter(&text, l.look(l.stdout), l.out)
	if err != nil {
		return "", usageError(err)
	}
	if waits {
		list = slices.DeleteFunc(slices.Clone(list), func(b *stokerv1.Batch) bool { return !ui.BatchWaits(b) })
	}
	if len(list) == 0 {
		return "no batches\n", nil
	}
	if err := writeAll(to, list); err != nil {
		return "", err
	}
	return text.String(), nil
}

// watchLines prints a line for each batch of the list, and then one for each that changes.
func (l *batchList) watchLines(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchesRequest, waits bool) error {
	return followBatches(ctx, conn, request, func(m *stokerv1.WatchBatchesResponse, _ []*stokerv1.Batch) error {
		to, err := newWriter(l.cli, ui.Batches())
		if err != nil {
			return err
		}
		l.out.NoHeader = true // but above the first lines
		for _, b := range m.GetBatches() {
			if waits && !ui.BatchWaits(b) {
				continue
			}
			if err := to.Add(b); err != nil {
				return err
			}
		}
		return to.End()
	})
}
