package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// readPage reads the page of a snapshot of b at a cursor. It leaves out jobs that have changed since
// the snapshot began, and follow as changes.
func (s *Server) readPage(ctx context.Context, at cursor, b *job.Batch) (change, error) {
	jobs, err := s.store.Jobs(ctx, job.Filter{BatchID: at.batch, States: at.jobs.states(), AfterNumber: at.page - 1, Limit: watchPage})
	if err != nil {
		return change{}, fmt.Errorf("read jobs: %w", err)
	}
	first, full := at.page == 1, len(jobs) == watchPage
	shown := slices.DeleteFunc(slices.Clone(jobs), func(j job.Job) bool { return j.Revision > at.revision })
	message, err := s.jobMessages(ctx, *b, shown)
	if err != nil {
		return change{}, err
	}
	resp := &stokerv1.WatchBatchResponse{Snapshot: first, Jobs: pageOf(shown, message)}
	at.page = 0
	switch n := len(resp.Jobs); {
	case n < len(shown):
		at.page = shown[n-1].ID.Number + 1
	case full:
		at.page = jobs[len(jobs)-1].ID.Number + 1
	}
	resp.Cursor = at.String()
	c := change{batch: b, next: at.page}
	if !first && len(resp.Jobs) == 0 {
		return c, nil
	}
	if resp.Batch, err = s.renderBatch(ctx, *b); err != nil {
		return change{}, err
	}
	c.msg, err = encodeMessage(resp)
	return c, err
}

// readChanges reads what changed in a batch after a position.
func (s *Server) readChanges(ctx context.Context, id string, p position) (change, error) {
	history := s.store.History() // before the batch: what is read after it may be of the next one
	var b job.Batch
	var jobs []job.Job
	var err error
	if p.jobs == noJobs {
		b, err = s.store.Batch(ctx, id)
	} else {
		b, jobs, err = s.store.Changes(ctx, id, p.revision, watchPage+1, p.jobs.states()...)
	}
	if err != nil {
		return change{}, fmt.Errorf("read changes: %w", err)
	}
	c := change{batch: &b, next: b.Revision, history: history}
	switch {
	case history != p.history: // the revisions are others
		c.snapshot = true
		return c, nil
	case b.Revision == p.revision:
		return c, nil
	case b.Revision < p.revision: // the job table was restored from a backup
		c.snapshot = true
		return c, nil
	}
	message, err := s.jobMessages(ctx, b, jobs)
	if err != nil {
		return change{}, err
	}
	fit := pageOf(jobs[:min(watchPage, len(jobs))], message)
	if c.more = len(fit) < len(jobs); c.more {
		c.next = jobs[len(fit)-1].Revision
	}
	m, err := s.renderBatch(ctx, b)
	if err != nil {
		return change{}, err
	}
	c.msg, err = encodeMessage(&stokerv1.WatchBatchResponse{
		Cursor: cursor{batch: id, jobs: p.jobs, revision: c.next, history: history}.String(), Batch: m, Jobs: fit,
	})
	return c, err
}

// readWait reads why a batch does not move. The answer has no revision if the batch changed during the
// read: the wait may then be that of neither revision.
func (s *Server) readWait(ctx context.Context, id string, now time.Time) (waitAnswer, error) {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return waitAnswer{}, fmt.Errorf("read batch: %w", err)
	}
	a := waitAnswer{time: now, revision: b.Revision}
	if a.wait, err = s.batchWait(ctx, b, now); err != nil {
		return waitAnswer{}, err
	}
	after, err := s.store.Batch(ctx, id)
	if err != nil {
		return waitAnswer{}, fmt.Errorf("read batch: %w", err)
	}
	if after.Revision != b.Revision {
		a.revision = 0
	}
	return a, nil
}
