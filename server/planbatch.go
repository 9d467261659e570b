package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/forecast"
	"github.com/stokerd/stoker/job"
)

const (
	// planBatches is how many of the account's latest batches a plan looks at.
	planBatches = 100
	// planMinRuns is how many runs of the same profile or template are enough to leave out others.
	planMinRuns = 10
)

// PlanBatch forecasts how long a batch would take if it were submitted now.
func (s *submissionService) PlanBatch(ctx context.Context, req *stokerv1.PlanBatchRequest) (*stokerv1.PlanBatchResponse, error) {
	account := cmp.Or(req.GetAccount(), job.DefaultName)
	check := s.server.newSubmission(ctx)
	check.checkAccount(account)
	if err := check.err(); err != nil {
		return nil, err
	}
	batches, err := s.server.store.Batches(ctx, job.BatchFilter{Accounts: []string{account}, Limit: planBatches})
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	unfinished, err := s.server.store.Batches(ctx, job.BatchFilter{
		Accounts: []string{account}, States: []job.BatchState{job.BatchOpen, job.BatchActive}, Limit: job.MaxPageSize,
	})
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	p := &batchPlan{jobs: req.GetJobCount(), priority: job.DefaultPriority}
	if req.Priority != nil {
		p.priority = int(req.GetPriority())
	}
	same := sameEncoding(req)
	for _, b := range batches {
		if len(p.same)+len(p.other) >= 2*forecast.SampleSize || len(p.same) >= forecast.SampleSize {
			break
		}
		if b.Counts.Running+b.Counts.Succeeded == 0 {
			continue
		}
		runs, err := s.server.store.RecentRuns(ctx, b.ID, maxRunningRead, forecast.SampleSize)
		if err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
		if same(b) {
			p.same = append(p.same, runs...)
		} else {
			p.other = append(p.other, runs...)
		}
	}
	for _, b := range unfinished {
		p.add(b)
	}
	resp := p.answer()
	if a, ok := s.server.store.AccountStatus(ctx, account); ok {
		w := heldUp(&a, time.Now())
		resp.Wait, resp.WaitReason = waitMessage(w), w.String()
	}
	return resp, nil
}

// heldUp is why an account would start no job of a new batch, whatever else it does; the zero wait if
// it would start some.
func heldUp(a *job.AccountStatus, now time.Time) job.Wait {
	switch w := a.ExplainWait(now); w.Code {
	case job.WaitAccountPaused, job.WaitDailyLimit, job.WaitBreaker, job.WaitOrganisation:
		return w
	}
	return job.Wait{}
}

// sameEncoding returns a function that reports whether a batch has the profile or template of the request.
func sameEncoding(req *stokerv1.PlanBatchRequest) func(job.Batch) bool {
	switch {
	case req.GetTemplate() != "":
		return func(b job.Batch) bool { return b.Template != nil && b.Template.Name == req.GetTemplate() }
	case req.GetProfile() != "":
		return func(b job.Batch) bool { return b.Profile == req.GetProfile() }
	}
	return func(job.Batch) bool { return true }
}

// batchPlan collects what the forecast of a batch depends on.
type batchPlan struct {
	jobs     int64
	priority int

	same, other []job.Run   // the latest runs of the account, of the same encoding and of others
	ahead       int64       // jobs of other batches that are started before the last one of this batch
	goFirst     []job.Batch // those of a higher priority that have waiting jobs
	share       []job.Batch // those of the same priority that have waiting jobs
	queued      int64       // jobs that will run before any that waits
	running     int64
}

// add notes a batch that has not ended.
func (p *batchPlan) add(b job.Batch) {
	p.queued += b.Counts.Starting + b.Counts.Queued
	p.running += b.Counts.Running
	switch {
	case b.Counts.Waiting == 0:
	case b.Priority > p.priority:
		p.ahead += b.Counts.Waiting
		p.goFirst = append(p.goFirst, b)
	case b.Priority == p.priority: // the two share, job by job
		p.ahead += min(b.Counts.Waiting, p.jobs)
		p.share = append(p.share, b)
	}
}

// largest are the messages of the batches with the most waiting jobs, the most first.
func largest(batches []job.Batch) []*stokerv1.BatchAhead {
	slices.SortStableFunc(batches, func(a, b job.Batch) int { return cmp.Compare(b.Counts.Waiting, a.Counts.Waiting) })
	return mapSlice(batches[:min(len(batches), maxAhead)], func(b job.Batch) *stokerv1.BatchAhead {
		return &stokerv1.BatchAhead{BatchNumber: b.Seq, Priority: int32(b.Priority), JobCount: b.Counts.Waiting, DisplayName: givenName(b)}
	})
}

// answer makes the forecast.
func (p *batchPlan) answer() *stokerv1.PlanBatchResponse {
	m := &stokerv1.PlanBatchResponse{
		AheadCount: p.ahead, SameEncoding: len(p.same) >= planMinRuns,
		Ahead: largest(p.goFirst), AheadBatchCount: int32(len(p.goFirst)), Sharing: largest(p.share), SharingBatchCount: int32(len(p.share)),
	}
	parallel := parallelRuns(slices.Concat(p.same, p.other))
	runs := p.same
	if !m.GetSameEncoding() {
		runs = slices.Concat(p.same, p.other)
		m.SameEncoding = len(p.other) == 0 && len(p.same) > 0
	}
	work := forecast.Work{Waiting: int(p.jobs + p.ahead + p.queued), Parallel: max(parallel, int(p.running))}
	var sum time.Duration
	for _, r := range runs {
		if length, ok := runLength(r); ok && len(work.Lengths) < forecast.SampleSize {
			work.Lengths, sum = append(work.Lengths, length), sum+length
		}
	}
	if len(work.Lengths) == 0 {
		m.SameEncoding, m.Reason = false, "no encoding of this account has ended yet, so that nothing is known about how long one takes"
		return m
	}
	mean := sum / time.Duration(len(work.Lengths))
	for i := range p.running { // on average, half of each is done
		work.Running = append(work.Running, mean*time.Duration(2*i+1)/time.Duration(2*p.running))
	}
	m.ParallelCount, m.SampleCount, m.RunDuration = int32(work.Parallel), int32(len(work.Lengths)), durationpb.New(mean)
	took, ok := work.Estimate(job.MaxEstimate)
	if !ok {
		m.Reason = fmt.Sprintf("it would take longer than %s", job.MaxEstimate)
		return m
	}
	m.EarliestDuration, m.LikelyDuration, m.LatestDuration = durationpb.New(took.Earliest), durationpb.New(took.Likely), durationpb.New(took.Latest)
	return m
}

// parallelRuns is the largest number of runs that were under way at one time.
func parallelRuns(runs []job.Run) int {
	type step struct {
		at    time.Time
		delta int
	}
	var steps []step
	for _, r := range runs {
		if r.Began.IsZero() {
			continue
		}
		steps = append(steps, step{r.Began, +1})
		if !r.Ended.IsZero() {
			steps = append(steps, step{r.Ended, -1})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(a.at.Compare(b.at), a.delta-b.delta) })
	most, now := 0, 0
	for _, s := range steps {
		now += s.delta
		most = max(most, now)
	}
	return most
}
