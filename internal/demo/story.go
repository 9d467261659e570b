package demo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Story is what there is to see.
type Story struct {
	*Platforms
	Client *client.Client // of a service with the accounts default and [Partner]
}

// Tell brings a service without batches to where the story begins: some batches have ended, one was paused by its
// failure limit and one by somebody, one runs and fails here and there, one goes before it, one waits, one is open for
// more jobs, and an account has a problem. That takes about half a minute at a pace of a second; afterwards the story goes on by itself
// for about a thousand times the pace. A service that has batches is left as it is.
func (s Story) Tell(ctx context.Context) error {
	there, err := s.Client.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{PageSize: 1})
	if err != nil {
		return fmt.Errorf("list batches: %w", err)
	}
	if len(there.GetBatches()) > 0 {
		return nil
	}
	// What runs at first has the encoders for itself.
	group, first := errgroup.WithContext(ctx)
	for _, tell := range []func(context.Context) error{s.tellSuccess, s.tellFailure, s.tellLimit, s.tellPause, s.tellPartner} {
		group.Go(func() error { return tell(first) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.tellPresent(ctx)
}

// tellSuccess submits a batch that has succeeded when the story begins.
func (s Story) tellSuccess(ctx context.Context) error {
	_, err := s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "sports highlights 88", Labels: ofTeam("sports"), Jobs: jobs("match", repeat(clips, 8)),
	}, ended)
	return err
}

// tellFailure submits a batch that has ended with failures when the story begins.
func (s Story) tellFailure(ctx context.Context) error {
	_, err := s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "hevc re-encode 3", Labels: ofTeam("vod"), Jobs: jobs("episode", repeat(clips, 4), repeat(broken, 2), repeat(clips, 3)),
	}, ended)
	return err
}

// tellPause submits a batch that somebody pauses.
func (s Story) tellPause(ctx context.Context) error {
	b, err := s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "kids back catalogue", Labels: ofTeam("vod"), Jobs: jobs("kids", repeat(clips, 126)),
	}, succeeded(3))
	if err != nil {
		return err
	}
	if _, err := s.Client.Batches().PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: b.GetId(), Reason: "waits for the new logo"}); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return nil
}

// tellLimit submits a batch that its failure limit pauses.
func (s Story) tellLimit(ctx context.Context) error {
	_, err := s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "archive 7", Labels: ofTeam("library"), FailureLimit: &stokerv1.FailureLimit{Count: 5},
		Jobs: jobs("reel", repeat(clips, 4), repeat(missing, 24)),
	}, in(stokerv1.BatchState_BATCH_STATE_PAUSED))
	return err
}

// tellPartner lets the partner's account work for a while, and then have its key refused.
func (s Story) tellPartner(ctx context.Context) error {
	dropped, err := s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "partner delivery 11", Account: Partner, Labels: ofTeam("sales"), Jobs: jobs("spot", repeat(clips, 3), repeat(features, 17)),
	}, succeeded(3))
	if err != nil {
		return err
	}
	if _, err := s.Client.Batches().CancelBatch(ctx, &stokerv1.CancelBatchRequest{BatchId: dropped.GetId(), Reason: "wrong bucket"}); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	if err := s.await(ctx, dropped, ended); err != nil {
		return err
	}
	if _, err = s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "partner delivery 12", Account: Partner, Labels: ofTeam("sales"), Jobs: jobs("trailer", repeat(clips, 4), repeat(features, 56)),
	}, succeeded(4)); err != nil {
		return err
	}
	s.refuses.Store(true)
	return nil
}

// tellPresent submits the batches that are under way when the story begins.
func (s Story) tellPresent(ctx context.Context) error {
	_, err := s.submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "night run 411", Labels: map[string]string{"team": "vod", "run": "nightly"}, FailureLimit: &stokerv1.FailureLimit{Count: 40},
		Jobs: jobs("title", repeat(clips, 2), repeat(exhausted, 1), repeat(clips, 4), repeat(flaky, 2), repeat(missing, 2), repeat(clips, 5), repeat(broken, 1),
			repeat(clips, 4), repeat(missing, 3), repeat(flaky, 1), repeat(clips, 3), repeat(features, 200), repeat(missing, 4), repeat(features, 173)),
	}, failed(7))
	if err != nil {
		return err
	}
	for _, r := range []*stokerv1.SubmitBatchRequest{
		{DisplayName: "trailers Q1", Labels: ofTeam("promo"), Priority: new(int32(30)), KeepOpen: true, Jobs: jobs("promo", repeat(features, 18))},
		{DisplayName: "news", Labels: ofTeam("news"), Priority: new(int32(80)), Jobs: jobs("bulletin", repeat(clips, 4), repeat(features, 44))},
		{DisplayName: "documentaries", Labels: ofTeam("library"), Priority: new(int32(20)), Jobs: jobs("part", repeat(features, 64))},
	} {
		if _, err := s.submit(ctx, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// submit submits a batch and waits until it is as it should be; nil: not at all.
func (s Story) submit(ctx context.Context, r *stokerv1.SubmitBatchRequest, is func(*stokerv1.Batch) bool) (*stokerv1.Batch, error) {
	r.RetryPolicy = &stokerv1.RetryPolicy{MaxRetries: new(int32(2)), InitialBackoff: durationpb.New(max(s.pace, time.Millisecond))}
	b, err := s.Client.Submit(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("submit %q: %w", r.GetDisplayName(), err)
	}
	if is == nil {
		return b, nil
	}
	return b, s.await(ctx, b, is)
}

// await waits until a batch is as it should be.
func (s Story) await(ctx context.Context, b *stokerv1.Batch, is func(*stokerv1.Batch) bool) error {
	for m, err := range s.Client.Watch(ctx, &stokerv1.WatchBatchRequest{BatchId: b.GetId()}) {
		if err != nil {
			return fmt.Errorf("watch %q: %w", b.GetDisplayName(), err)
		}
		if now := m.GetBatch(); now != nil && is(now) {
			return nil
		}
	}
	return fmt.Errorf("batch %q has ended otherwise than the story goes", b.GetDisplayName())
}

func ended(b *stokerv1.Batch) bool { return b.GetFinishTime() != nil }

func in(state stokerv1.BatchState) func(*stokerv1.Batch) bool {
	return func(b *stokerv1.Batch) bool { return b.GetState() == state }
}

func succeeded(n int64) func(*stokerv1.Batch) bool {
	return func(b *stokerv1.Batch) bool { return b.GetCounts().GetSucceeded() >= n }
}

func failed(n int64) func(*stokerv1.Batch) bool {
	return func(b *stokerv1.Batch) bool { return b.GetCounts().GetFailed() >= n }
}

func ofTeam(name string) map[string]string { return map[string]string{"team": name} }

func repeat(kind string, n int) []string { return slices.Repeat([]string{kind}, n) }

// jobs makes a job of each kind, in order, named after what they are.
func jobs(name string, kinds ...[]string) []*stokerv1.JobSpec {
	var list []*stokerv1.JobSpec
	for i, kind := range slices.Concat(kinds...) {
		key := fmt.Sprintf("%s-%03d", name, i+1)
		list = append(list, &stokerv1.JobSpec{
			Key: key, Name: fmt.Sprintf("%s%s %d", strings.ToUpper(name[:1]), name[1:], i+1),
			InputPath: path.Join(kind, name, key+".mov"), OutputPath: path.Join(name, key),
		})
	}
	return list
}
