package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxPositionRead is the last position in line at which the first job of a batch is read to explain
// why the batch waits. Jobs further back are neither being configured nor started, so that nothing
// is to be learned from them.
const maxPositionRead = 200

// waitExplainer makes the explainer for a batch, from account status and place in line.
func (s *Server) waitExplainer(ctx context.Context, b *job.Batch, now time.Time) (job.WaitExplainer, error) {
	at := job.WaitExplainer{Now: now, Batch: b}
	a, ok := s.store.AccountStatus(ctx, b.AccountID)
	if !ok {
		return at, nil
	}
	at.Account = boundTexts(a, b.ID)
	if !b.State.Dispatches() || b.Counts.Waiting == 0 {
		return at, nil
	}
	var err error
	at.Place, err = s.accountLines.place(ctx, &a, b, now)
	return at, err
}

// maxAhead is how many of the batches that go before another are named.
const maxAhead = 3

// addAhead names in a wait for jobs of higher priority the batches of b's account that have these jobs.
func (s *Server) addAhead(ctx context.Context, w *stokerv1.Wait, b *job.Batch) error {
	if w.GetCode() != stokerv1.WaitCode_WAIT_CODE_PRIORITY {
		return nil
	}
	at, err := s.waitExplainer(ctx, b, time.Now())
	if err != nil || at.Place == nil {
		return err
	}
	shares := at.Place.ListAhead(maxAhead)
	batches, err := s.store.BatchesBySeq(ctx, mapSlice(shares, func(share job.Share) int64 { return share.Seq }))
	if err != nil {
		return fmt.Errorf("read the batches ahead: %w", err)
	}
	names := make(map[int64]string, len(batches))
	for _, b := range batches {
		names[b.Seq] = givenName(b)
	}
	for _, share := range shares {
		w.Ahead = append(w.Ahead, &stokerv1.BatchAhead{
			BatchNumber: share.Seq, Priority: int32(share.Priority), JobCount: share.Due, DisplayName: names[share.Seq],
		})
	}
	return nil
}

// givenName is what people call a batch; empty if nobody has named it.
func givenName(b job.Batch) string {
	if b.DisplayName == b.ID {
		return ""
	}
	return b.DisplayName
}

// boundTexts returns the status for one batch, without the problems of others, with its texts shortened
// once for all jobs.
func boundTexts(a job.AccountStatus, batchID string) *job.AccountStatus {
	a.BreakerReason, a.PausedReason = job.Shorten(a.BreakerReason, job.MaxReason), job.Shorten(a.PausedReason, job.MaxReason)
	if p, ok := a.Problems[batchID]; ok {
		p.Text = job.Shorten(p.Text, job.MaxReason)
		a.Problems = map[string]job.Problem{batchID: p}
	}
	return &a
}

// batchWait says why a batch does not move.
func (s *Server) batchWait(ctx context.Context, b job.Batch, now time.Time) (job.Wait, error) {
	if b.State.Terminal() {
		return job.Wait{}, nil
	}
	at, err := s.waitExplainer(ctx, &b, now)
	if err != nil {
		return job.Wait{}, err
	}
	first, err := s.jobForBatchWait(ctx, &b, at.Place, now)
	if err != nil {
		return job.Wait{}, err
	}
	return at.BatchWait(first), nil
}

// jobForBatchWait reads the job whose wait is also that of its batch; nil if no job has to be read.
func (s *Server) jobForBatchWait(ctx context.Context, b *job.Batch, place *job.Place, now time.Time) (*job.Job, error) {
	filter := job.Filter{BatchID: b.ID, Limit: 1}
	switch {
	case place != nil && place.BatchShare().Due > 0:
		if place.Position(0) > maxPositionRead {
			return nil, nil
		}
		j, err := s.store.NextJobOfBatch(ctx, b.Seq, now)
		if errors.Is(err, job.ErrNotFound) {
			return nil, nil // the job has been started meanwhile
		}
		return &j, err
	case place != nil: // all waiting jobs are in a back-off
		filter.States = []job.State{job.Waiting}
	case b.Counts.Waiting == 0 && b.Counts.Running == 0 && b.Counts.Unfinished() > 0:
		filter.States = []job.State{job.Starting, job.Queued, job.Cancelling}
	default:
		return nil, nil
	}
	jobs, err := s.store.Jobs(ctx, filter)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	return &jobs[0], nil
}

// jobMessages returns a function that makes the message of one of the jobs, with its wait. All jobs are
// of b. The explainer and the ranks of the jobs are read once.
func (s *Server) jobMessages(ctx context.Context, b job.Batch, jobs []job.Job) (func(job.Job) *stokerv1.Job, error) {
	now := time.Now()
	at, err := s.waitExplainer(ctx, &b, now)
	if err != nil {
		return nil, err
	}
	ranks, err := s.jobRanks(ctx, at, jobs)
	if err != nil {
		return nil, err
	}
	return func(j job.Job) *stokerv1.Job {
		w := at.JobWait(&j, ranks[j.ID.Number])
		m := jobMessage(b.Seq, j)
		m.Wait, m.WaitReason = waitMessage(w), w.String()
		return m
	}, nil
}

// jobRanks returns, by job number, how many due jobs of the batch are started before each of the jobs
// that are due.
func (s *Server) jobRanks(ctx context.Context, at job.WaitExplainer, jobs []job.Job) (map[int64]int64, error) {
	if at.Place == nil {
		return nil, nil
	}
	var numbers []int64
	for _, j := range jobs {
		if j.State == job.Waiting && !j.IsBackingOff(at.Now) {
			numbers = append(numbers, j.ID.Number)
		}
	}
	list, err := s.store.JobRanks(ctx, at.Batch.Seq, at.Now, numbers)
	if err != nil {
		return nil, fmt.Errorf("read ranks: %w", err)
	}
	ranks := make(map[int64]int64, len(list))
	for i, n := range numbers {
		ranks[n] = list[i]
	}
	return ranks, nil
}

// accountLines caches the line of each account, because the time to read a line grows with the number
// of waiting batches.
type accountLines struct {
	store LineStore

	mu    sync.Mutex
	lines map[string]*cachedLine // by account
}

// cachedLine is the line of one account. If the line is too old, one caller reads it again while others
// wait.
type cachedLine struct {
	mu           sync.Mutex
	line         *job.Line
	readTime     time.Time
	readDuration time.Duration
}

const (
	// lineKeepFactor is how many times longer a line is kept than reading it took, so that
	// reading takes a twentieth of the time at most.
	lineKeepFactor = 20
	// maxLineAge is how old a line may be, however long reading it took.
	maxLineAge = 2 * time.Second
)

func newAccountLines(store LineStore) *accountLines {
	return &accountLines{store: store, lines: map[string]*cachedLine{}}
}

// place finds a batch in the line of its account; nil if the batch is not in the line. Batches with a
// problem are not in the line until their next try, and those of a principal that has made its starts of the day
// until the next one.
func (l *accountLines) place(ctx context.Context, a *job.AccountStatus, b *job.Batch, now time.Time) (*job.Place, error) {
	l.mu.Lock()
	c := l.lines[a.ID]
	if c == nil {
		c = &cachedLine{}
		l.lines[a.ID] = c
	}
	l.mu.Unlock()
	line, err := c.lineFor(b, now, func() (*job.Line, error) { return l.read(ctx, a, now) })
	if err != nil {
		return nil, err
	}
	place, ok := line.PlaceOf(b.Seq)
	if !ok {
		return nil, nil
	}
	return &place, nil
}

// read reads the line of an account.
func (l *accountLines) read(ctx context.Context, a *job.AccountStatus, now time.Time) (*job.Line, error) {
	line, err := l.store.AccountLine(ctx, a.ID, now)
	if err != nil {
		return nil, fmt.Errorf("read line: %w", err)
	}
	withProblem := batchesWithProblem(a, now)
	return line.Without(func(s job.Share) bool {
		_, exhausted := a.PrincipalExhausted(s.CreatedBy, now)
		return exhausted || slices.Contains(withProblem, s.Seq)
	}), nil
}

// lineFor returns the cached line if it is recent enough, and reads it otherwise. A line without the
// batch is not recent enough if it was read before the latest change of the batch.
func (c *cachedLine) lineFor(b *job.Batch, now time.Time, read func() (*job.Line, error)) (*job.Line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil && now.Sub(c.readTime) < min(lineKeepFactor*c.readDuration, maxLineAge) {
		if _, ok := c.line.ShareOf(b.Seq); ok || c.readTime.After(b.UpdateTime) {
			return c.line, nil
		}
	}
	line, err := read()
	if err == nil {
		c.line, c.readTime, c.readDuration = line, now, time.Since(now)
	}
	return line, err
}

// batchesWithProblem returns the sequence numbers of the batches of which the dispatcher starts no job for
// now, because of a problem.
func batchesWithProblem(a *job.AccountStatus, now time.Time) []int64 {
	var seqs []int64
	for _, t := range a.Problems {
		if t.Seq != 0 && t.Until.After(now) {
			seqs = append(seqs, t.Seq)
		}
	}
	return seqs
}
