package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxPositionRead is up to which place in line a batch's first job is looked at by itself: beyond that
// it is neither being configured nor started.
const maxPositionRead = 200

// situation is what the waits of a batch and its jobs follow from. Its place in line is
// looked up only if it is in one.
func (s *Server) situation(ctx context.Context, b *job.Batch, now time.Time) (job.WaitExplainer, error) {
	at := job.WaitExplainer{Now: now, Batch: b}
	a, ok := s.store.AccountStatus(b.AccountID)
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

// boundTexts is a status for the jobs of one batch, its texts cut once for all of them.
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
	at, err := s.situation(ctx, &b, now)
	if err != nil {
		return job.Wait{}, err
	}
	first, err := s.jobForBatchWait(ctx, &b, at.Place, now)
	if err != nil {
		return job.Wait{}, err
	}
	return at.BatchWait(first), nil
}

// jobForBatchWait is the job whose reason for waiting is that of its batch, if that has to be read.
func (s *Server) jobForBatchWait(ctx context.Context, b *job.Batch, place *job.Place, now time.Time) (*job.Job, error) {
	filter := job.Filter{BatchID: b.ID, Limit: 1}
	switch {
	case place != nil && place.BatchShare().Due > 0:
		if place.Position(0) > maxPositionRead {
			return nil, nil
		}
		j, err := s.store.NextJobOfBatch(ctx, b.Seq, now)
		if errors.Is(err, job.ErrNotFound) {
			return nil, nil // it has been started meanwhile
		}
		return &j, err
	case place != nil: // all wait out a back-off
		filter.States = []job.State{job.Waiting}
	case b.Counts.Waiting == 0 && b.Counts.Running == 0 && b.Counts.Live() > 0:
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

// jobMessages makes messages of the given jobs of one batch, with what each of them waits for.
// What that follows from is read once for all of them.
func (s *Server) jobMessages(ctx context.Context, b job.Batch, jobs []job.Job) (func(job.Job) *stokerv1.Job, error) {
	now := time.Now()
	at, err := s.situation(ctx, &b, now)
	if err != nil {
		return nil, err
	}
	ranks, err := s.jobRanks(ctx, at, jobs)
	if err != nil {
		return nil, err
	}
	return func(j job.Job) *stokerv1.Job {
		w := at.JobWait(&j, ranks[j.ID.Number])
		m := jobMessage(j)
		m.Wait, m.WaitReason = waitMessage(w), w.String()
		return m
	}, nil
}

// jobRanks tells for those of the jobs that are in line how many of their batch go before them,
// by number.
func (s *Server) jobRanks(ctx context.Context, at job.WaitExplainer, jobs []job.Job) (map[int64]int64, error) {
	if at.Place == nil {
		return nil, nil
	}
	var numbers []int64
	for _, j := range jobs {
		if j.State == job.Waiting && !j.NextAttemptTime.After(at.Now) {
			numbers = append(numbers, j.ID.Number)
		}
	}
	list, err := s.store.JobRanks(ctx, at.Batch.Seq, at.Now, numbers)
	if err != nil {
		return nil, fmt.Errorf("read places in line: %w", err)
	}
	ranks := make(map[int64]int64, len(list))
	for i, n := range numbers {
		ranks[n] = list[i]
	}
	return ranks, nil
}

// accountLines keeps the line of each account for as long as it is good enough: reading it costs
// something for each batch that waits, of which there may be thousands.
type accountLines struct {
	store JobStore

	mu  sync.Mutex
	all map[string]*cachedLine
}

// cachedLine is the line of one account. Whoever finds it too old reads it; others wait.
type cachedLine struct {
	mu           sync.Mutex
	line         *job.Line
	readTime     time.Time
	readDuration time.Duration
}

const (
	// lineKeepFactor is how many times as long as reading it took a line is kept, so that reading
	// takes one part in so many of the time at most.
	lineKeepFactor = 20
	// maxLineAge is how old a line may be, however long that took.
	maxLineAge = 2 * time.Second
)

func newAccountLines(store JobStore) *accountLines {
	return &accountLines{store: store, all: map[string]*cachedLine{}}
}

// place finds a batch in the line of its account; nil if it is not in it.
func (l *accountLines) place(ctx context.Context, a *job.AccountStatus, b *job.Batch, now time.Time) (*job.Place, error) {
	l.mu.Lock()
	al := l.all[a.ID]
	if al == nil {
		al = &cachedLine{}
		l.all[a.ID] = al
	}
	l.mu.Unlock()
	line, err := al.lineFor(b, now, func() (*job.Line, error) {
		line, err := l.store.AccountLine(ctx, a.ID, now)
		if err != nil {
			return nil, fmt.Errorf("read line: %w", err)
		}
		return line.Without(skippedBatches(a, now)), nil
	})
	if err != nil {
		return nil, err
	}
	place, ok := line.PlaceOf(b.Seq)
	if !ok {
		return nil, nil
	}
	return &place, nil
}

// lineFor is the line as it was read last, if that is not too old, also for a batch that may have
// come into it since.
func (al *cachedLine) lineFor(b *job.Batch, now time.Time, read func() (*job.Line, error)) (*job.Line, error) {
	al.mu.Lock()
	defer al.mu.Unlock()
	if al.line != nil && now.Sub(al.readTime) < min(lineKeepFactor*al.readDuration, maxLineAge) {
		if _, ok := al.line.ShareOf(b.Seq); ok || al.readTime.After(b.UpdateTime) {
			return al.line, nil
		}
	}
	line, err := read()
	if err == nil {
		al.line, al.readTime, al.readDuration = line, now, time.Since(now)
	}
	return line, err
}

// skippedBatches are the batches that are passed over at now, by sequence number.
func skippedBatches(a *job.AccountStatus, now time.Time) map[int64]bool {
	var seqs map[int64]bool
	for _, t := range a.Problems {
		if t.Seq != 0 && t.Until.After(now) {
			if seqs == nil {
				seqs = map[int64]bool{}
			}
			seqs[t.Seq] = true
		}
	}
	return seqs
}
