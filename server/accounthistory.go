package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// defaultHistory is how far a history goes back if the request does not say it.
	defaultHistory = time.Hour
	// defaultSamples is how many samples a history has at most if the request has no step.
	defaultSamples = 360
)

// GetAccountHistory returns how the queue of an account was filled over time.
func (s *accountService) GetAccountHistory(ctx context.Context, req *stokerv1.GetAccountHistoryRequest) (*stokerv1.GetAccountHistoryResponse, error) {
	now := time.Now()
	since, step := now.Add(-defaultHistory), req.GetStep().AsDuration()
	var found findings
	if t := req.GetSince(); t != nil {
		if since = t.AsTime(); !t.IsValid() || since.After(now) {
			found.add("since", "has to be a time in the past")
		}
	}
	if step%job.HistoryStep != 0 {
		found.add("step", "%s: want a multiple of %s", step.String(), job.HistoryStep.String())
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	if earliest := now.Add(-job.HistoryLength); since.Before(earliest) {
		since = earliest
	}
	if step == 0 {
		step = (now.Sub(since)/defaultSamples + job.HistoryStep - 1).Truncate(job.HistoryStep)
		step = max(step, job.HistoryStep)
	}
	history, ok := s.store().AccountHistory(ctx, req.GetAccountId(), since, step)
	if !ok {
		return nil, fmt.Errorf("account %q: %w", req.GetAccountId(), job.ErrNotFound)
	}
	return &stokerv1.GetAccountHistoryResponse{
		Samples: mapSlice(history.Samples, sampleMessage), Step: durationpb.New(step),
		RecordingSince: timestamp(history.RecordingSince), Problems: mapSlice(history.Problems, problemMessage),
	}, nil
}

func sampleMessage(s job.AccountSample) *stokerv1.AccountSample {
	m := &stokerv1.AccountSample{
		Time: timestamp(s.Time), QueueTarget: int32(s.QueueTarget), QueuedCount: int32(s.QueuedCount), RunningCount: int32(s.RunningCount),
		StartCount: int32(s.StartCount), EndCount: int32(s.EndCount), Paused: s.Paused, BreakerOpen: s.BreakerOpen,
	}
	if s.PlatformQueuedCount >= 0 {
		m.PlatformQueuedCount = new(int32(s.PlatformQueuedCount))
	}
	if s.MinPlatformQueuedCount >= 0 {
		m.MinPlatformQueuedCount = new(int32(s.MinPlatformQueuedCount))
	}
	return m
}

func problemMessage(p job.AccountProblem) *stokerv1.AccountProblem {
	return &stokerv1.AccountProblem{
		Kind:      stokerv1.AccountProblemKind(stokerv1.AccountProblemKind_value["ACCOUNT_PROBLEM_KIND_"+string(p.Kind)]),
		StartTime: timestamp(p.Start), FinishTime: timestamp(p.Finish), Text: p.Text, Subject: p.Subject, Until: timestamp(p.Until),
	}
}
