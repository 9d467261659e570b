package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// defaultNextJobs is how many jobs are listed if the request has no limit.
const defaultNextJobs = 100

// ListNextJobs lists the jobs of an account that are started next, in order, and how many follow.
func (s *accountService) ListNextJobs(ctx context.Context, req *stokerv1.ListNextJobsRequest) (*stokerv1.ListNextJobsResponse, error) {
	a, ok := s.store().AccountStatus(ctx, req.GetAccountId())
	if !ok {
		return nil, fmt.Errorf("account %q: %w", req.GetAccountId(), job.ErrNotFound)
	}
	now := time.Now()
	except := job.Except{Batches: batchesWithProblem(&a, now), Principals: slices.Collect(maps.Keys(a.ExhaustedPrincipals))}
	jobs, err := s.store().NextJobs(ctx, a.ID, now, cmp.Or(int(req.GetLimit()), defaultNextJobs), except)
	if err != nil {
		return nil, err
	}
	line, err := s.server.accountLines.read(ctx, &a, now)
	if err != nil {
		return nil, err
	}
	next := nextJobs{server: s.server, batches: map[string]job.Batch{}, listed: map[int64]int64{}}
	return next.list(ctx, jobs, line)
}

// nextJobs makes the answer about what an account starts next.
type nextJobs struct {
	server  *Server
	batches map[string]job.Batch // of the jobs, by id
	listed  map[int64]int64      // how many jobs of each batch are listed, by seq
}

func (n *nextJobs) list(ctx context.Context, jobs []job.Job, line *job.Line) (*stokerv1.ListNextJobsResponse, error) {
	message, err := n.messages(ctx, jobs)
	if err != nil {
		return nil, err
	}
	position := int64(0)
	resp := &stokerv1.ListNextJobsResponse{Jobs: pageOf(jobs, func(j job.Job) *stokerv1.NextJob {
		position++
		return &stokerv1.NextJob{Job: message(j), Position: position, Priority: int32(n.batches[j.ID.Batch].Priority)}
	})}
	for _, m := range resp.GetJobs() {
		n.listed[m.GetJob().GetBatchNumber()]++
	}
	resp.Batches, resp.MoreCount, err = n.rest(ctx, line)
	return resp, err
}

// messages returns a function that makes the message of one of the jobs.
func (n *nextJobs) messages(ctx context.Context, jobs []job.Job) (func(job.Job) *stokerv1.Job, error) {
	byBatch := map[string][]job.Job{}
	for _, j := range jobs {
		byBatch[j.ID.Batch] = append(byBatch[j.ID.Batch], j)
	}
	messages := map[string]func(job.Job) *stokerv1.Job{}
	for id, list := range byBatch {
		b, err := n.server.store.Batch(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		n.batches[id] = b
		if messages[id], err = n.server.jobMessages(ctx, b, list); err != nil {
			return nil, err
		}
	}
	return func(j job.Job) *stokerv1.Job { return messages[j.ID.Batch](j) }, nil
}

// rest returns the batches that have more jobs in line than are listed, in the order in which they go on, and
// how many such jobs there are.
func (n *nextJobs) rest(ctx context.Context, line *job.Line) (list []*stokerv1.NextBatch, more int64, err error) {
	var shares []job.Share
	for _, share := range line.Shares() {
		share.Due = max(share.Due-n.listed[share.Seq], 0)
		if more += share.Due; share.Due+share.BackedOff > 0 {
			shares = append(shares, share)
		}
	}
	shares = shares[:min(len(shares), job.MaxPageSize)]
	next := map[int64]int64{} // the position of the next job of each batch, by seq
	for _, share := range shares {
		if place, ok := line.PlaceOf(share.Seq); ok {
			next[share.Seq] = place.Position(n.listed[share.Seq])
		}
	}
	slices.SortStableFunc(shares, func(a, b job.Share) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(next[a.Seq], next[b.Seq]))
	})
	batches, err := readBatches(ctx, n.server.store, mapSlice(shares, func(s job.Share) int64 { return s.Seq }))
	if err != nil {
		return nil, 0, err
	}
	for _, share := range shares {
		if b, ok := batches[share.Seq]; ok {
			list = append(list, &stokerv1.NextBatch{
				Batch: batchRef(b), Priority: int32(b.Priority), DueCount: share.Due, BackingOffCount: share.BackedOff,
			})
		}
	}
	return list, more, nil
}
