package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxChangedBatches is how many of the changed batches an answer names.
const maxChangedBatches = 100

// CancelBatches cancels the selected batches.
func (s *Server) CancelBatches(ctx context.Context, req *stokerv1.CancelBatchesRequest) (*stokerv1.CancelBatchesResponse, error) {
	changes, err := s.bulk().changeBatches(ctx, req, batchChange{
		applies: func(b *job.Batch) bool { return !b.State.Terminal() && b.State != job.BatchCancelling },
		change:  func(b *job.Batch) error { return b.Cancel(req.GetReason()) },
	})
	return &stokerv1.CancelBatchesResponse{Changes: changes}, err
}

// PauseBatches pauses the selected batches.
func (s *Server) PauseBatches(ctx context.Context, req *stokerv1.PauseBatchesRequest) (*stokerv1.PauseBatchesResponse, error) {
	changes, err := s.bulk().changeBatches(ctx, req, batchChange{
		applies: func(b *job.Batch) bool { return b.State.Dispatches() },
		change:  func(b *job.Batch) error { return b.Pause(req.GetReason()) },
	})
	return &stokerv1.PauseBatchesResponse{Changes: changes}, err
}

// ResumeBatches resumes the selected batches.
func (s *Server) ResumeBatches(ctx context.Context, req *stokerv1.ResumeBatchesRequest) (*stokerv1.ResumeBatchesResponse, error) {
	changes, err := s.bulk().changeBatches(ctx, req, batchChange{
		applies: func(b *job.Batch) bool { return b.State == job.BatchPaused },
		change:  func(b *job.Batch) error { return b.Resume(time.Now()) },
	})
	return &stokerv1.ResumeBatchesResponse{Changes: changes}, err
}

// UpdateBatches changes fields of the selected batches.
func (s *Server) UpdateBatches(ctx context.Context, req *stokerv1.UpdateBatchesRequest) (*stokerv1.UpdateBatchesResponse, error) {
	check := s.newSubmission(ctx)
	change := check.batchUpdate(req, manyBatchesFields)
	if err := check.err(); err != nil {
		return nil, err
	}
	changes, err := s.bulk().changeBatches(ctx, req, batchChange{applies: func(*job.Batch) bool { return true }, change: change})
	return &stokerv1.UpdateBatchesResponse{Changes: changes}, err
}

// DeleteBatches deletes the selected batches.
func (s *Server) DeleteBatches(ctx context.Context, req *stokerv1.DeleteBatchesRequest) (*stokerv1.DeleteBatchesResponse, error) {
	changes, err := s.bulk().changeBatches(ctx, req, batchChange{
		applies: func(b *job.Batch) bool { return b.State.Terminal() },
		remove:  true,
	})
	return &stokerv1.DeleteBatchesResponse{Changes: changes}, err
}

// batchChange is what a call does to each of many batches.
type batchChange struct {
	applies func(*job.Batch) bool // whether there is anything to do
	change  func(*job.Batch) error
	remove  bool // delete the batch instead
}

// batchSelector is a request that selects batches.
type batchSelector interface {
	GetSelection() *stokerv1.BatchSelection
	GetValidateOnly() bool
}

// changeBatches changes the batches that req selects, one after the other, or only counts them. A batch that
// another call has brought into a state that does not allow it stays as it is.
func (s bulkChanger) changeBatches(ctx context.Context, req batchSelector, c batchChange) (*stokerv1.BatchChanges, error) {
	var done stokerv1.BatchChanges
	var counts job.Counts
	err := s.eachSelected(ctx, req.GetSelection(), func(b job.Batch) error {
		changed := c.applies(&b)
		if changed && !req.GetValidateOnly() {
			var err error
			if changed, err = s.changeBatch(ctx, b.ID, c); err != nil {
				return err
			}
		}
		if !changed {
			done.UnchangedCount++
			return nil
		}
		done.Count++
		counts.Add(b.Counts)
		if len(done.Batches) < maxChangedBatches {
			done.Batches = append(done.Batches, batchRef(b))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	done.Counts = countsMessage(counts)
	return &done, nil
}

// changeBatch changes one batch, and reports whether its state has allowed that.
func (s bulkChanger) changeBatch(ctx context.Context, id string, c batchChange) (changed bool, err error) {
	if c.remove {
		if err = s.store.DeleteBatch(ctx, id, time.Now()); err == nil {
			s.hub.notify(id)
		}
	} else {
		_, err = s.store.UpdateBatch(ctx, id, time.Now(), c.change)
	}
	if errors.Is(err, job.ErrIllegalTransition) || errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("change batch: %w", err)
	}
	return true, nil
}

// eachSelected calls f with every batch of a selection, the newest first.
func (s bulkChanger) eachSelected(ctx context.Context, sel *stokerv1.BatchSelection, f func(job.Batch) error) error {
	if err := checkBatchSelection(sel); err != nil {
		return err
	}
	filter := job.BatchFilter{
		States: mapSlice(sel.GetStates(), batchState), Labels: sel.GetLabels(), Accounts: sel.GetAccounts(), Text: sel.GetText(),
	}
	if len(sel.GetBatchIds()) == 0 {
		return s.eachBatch(ctx, filter, f)
	}
	var batches []job.Batch
	for i, id := range sel.GetBatchIds() {
		b, err := s.store.Batch(ctx, id)
		if errors.Is(err, job.ErrNotFound) {
			return invalid(fmt.Sprintf("selection.batch_ids[%d]", i), fmt.Sprintf("there is no batch %q", clip(id, maxField)))
		}
		if err != nil {
			return fmt.Errorf("read batch: %w", err)
		}
		if matches(&b, &filter) {
			batches = append(batches, b)
		}
	}
	slices.SortFunc(batches, func(a, b job.Batch) int { return int(b.Seq - a.Seq) })
	for _, b := range slices.CompactFunc(batches, func(a, b job.Batch) bool { return a.Seq == b.Seq }) {
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}

// checkBatchSelection checks that a selection says which batches it means. Without that it would mean all.
func checkBatchSelection(sel *stokerv1.BatchSelection) error {
	var found findings
	found.checkText("selection.text", sel.GetText())
	filters := len(sel.GetBatchIds()) + len(sel.GetStates()) + len(sel.GetLabels()) + len(sel.GetAccounts()) + len(sel.GetText())
	switch {
	case sel.GetAll() && filters > 0:
		found.add("selection.all", "excludes batch_ids, states, labels, accounts and text; leave one or the other out")
	case !sel.GetAll() && filters == 0:
		found.add("selection", "say which batches: by batch_ids, states, labels, accounts or text; or set all to mean every batch")
	}
	return found.err()
}

// matches reports whether a filter chooses a batch, by everything but ids.
func matches(b *job.Batch, f *job.BatchFilter) bool {
	for name, value := range f.Labels {
		if have, ok := b.Labels[name]; !ok || have != value {
			return false
		}
	}
	return (len(f.States) == 0 || slices.Contains(f.States, b.State)) && (len(f.Accounts) == 0 || slices.Contains(f.Accounts, b.AccountID)) &&
		strings.Contains(strings.ToLower(b.DisplayName), strings.ToLower(f.Text))
}
