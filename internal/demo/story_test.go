package demo_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/demo"
	"github.com/stokerd/stoker/internal/service"
)

// TestStory tells the story at a hundredth of its time, and looks whether everything is there that is to be seen.
func TestStory(t *testing.T) {
	const pace = 30 * time.Millisecond
	platforms := demo.NewPlatforms(pace)
	simulation := &service.Simulation{
		Simulator: platforms.Default, Others: map[string]*simulator.Simulator{demo.Partner: platforms.Partner}, Templates: demo.Templates(),
		Listen: "127.0.0.1:0", DB: filepath.Join(t.TempDir(), "stoker.db"), QueueTarget: demo.QueueTarget, PollInterval: pace,
	}
	err := simulation.Run(t.Context(), func(ctx context.Context, s *service.Service) (err error) {
		conn, err := client.Dial(s.Address("--listen"), client.Options{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		story := demo.Story{Platforms: platforms, Client: conn}
		if err := story.Tell(ctx); err != nil {
			return err
		}
		told, err := batchesByName(ctx, conn)
		if err != nil {
			return err
		}
		checkStory(ctx, t, conn, told)
		if err := story.Tell(ctx); err != nil {
			return err
		}
		again, err := batchesByName(ctx, conn)
		if len(again) != len(told) {
			t.Errorf("told a second time, there are %d batches, and there were %d", len(again), len(told))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func batchesByName(ctx context.Context, conn *client.Client) (map[string]*stokerv1.Batch, error) {
	list, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{PageSize: 100})
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	byName := map[string]*stokerv1.Batch{}
	for _, b := range list.GetBatches() {
		byName[b.GetDisplayName()] = b
	}
	return byName, nil
}

func checkStory(ctx context.Context, t *testing.T, conn *client.Client, told map[string]*stokerv1.Batch) {
	t.Helper()
	for name, want := range map[string]struct {
		state  stokerv1.BatchState
		causes int    // of failures, at least
		reason string // in state_reason
	}{
		"sports highlights 88": {state: stokerv1.BatchState_BATCH_STATE_SUCCEEDED},
		"hevc re-encode 3":     {state: stokerv1.BatchState_BATCH_STATE_FAILED, causes: 1},
		"partner delivery 11":  {state: stokerv1.BatchState_BATCH_STATE_CANCELLED, reason: "wrong bucket"},
		"partner delivery 12":  {state: stokerv1.BatchState_BATCH_STATE_ACTIVE},
		"archive 7":            {state: stokerv1.BatchState_BATCH_STATE_PAUSED, causes: 1, reason: "failure limit of 5 reached"},
		"kids back catalogue":  {state: stokerv1.BatchState_BATCH_STATE_PAUSED, reason: "waits for the new logo"},
		"night run 411":        {state: stokerv1.BatchState_BATCH_STATE_ACTIVE, causes: 3},
		"trailers Q1":          {state: stokerv1.BatchState_BATCH_STATE_OPEN},
		"news":                 {state: stokerv1.BatchState_BATCH_STATE_ACTIVE},
		"documentaries":        {state: stokerv1.BatchState_BATCH_STATE_ACTIVE},
	} {
		b := told[name]
		if b.GetState() != want.state || b.GetStateReason() != want.reason {
			t.Errorf("batch %q is %v, %q: want %v, %q", name, b.GetState(), b.GetStateReason(), want.state, want.reason)
			continue
		}
		failures, err := conn.Batches().ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: b.GetId()})
		if err != nil || len(failures.GetCauses()) < want.causes {
			t.Errorf("batch %q has failed of %d causes, want %d: %v", name, len(failures.GetCauses()), want.causes, err)
		}
	}
	page, err := conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{
		BatchId: told["night run 411"].GetId(), States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_SUCCEEDED}, PageSize: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	retried := 0
	for _, j := range page.GetJobs() {
		if j.GetAttempt() > 1 {
			retried++
		}
	}
	if retried == 0 {
		t.Error("no job has succeeded after a retry")
	}
	tick := time.NewTicker(50 * time.Millisecond) // of an account there is no watch
	defer tick.Stop()
	for {
		partner, err := conn.Accounts().GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: demo.Partner})
		if err != nil {
			t.Fatal(err)
		}
		if partner.GetAccount().GetWait().GetCode() == stokerv1.WaitCode_WAIT_CODE_BREAKER {
			return
		}
		<-tick.C
	}
}
