package server_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// bare is the simplest server that tells every watcher of every change: a channel for
// each stream, a message for each change, nothing stored, nothing left out. It is what
// Stoker's figures are held against.
type bare struct {
	stokerv1.UnimplementedBatchServiceServer

	mu      sync.Mutex
	streams []chan *stokerv1.WatchBatchResponse
	jobs    []*stokerv1.Job
	batch   *stokerv1.Batch
}

func (b *bare) WatchBatch(_ *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
	messages := make(chan *stokerv1.WatchBatchResponse, 16)
	b.mu.Lock()
	first := &stokerv1.WatchBatchResponse{Snapshot: true, Cursor: cursorAt(1), Batch: b.batch, Jobs: b.jobs}
	b.streams = append(b.streams, messages)
	b.mu.Unlock()
	if err := stream.Send(first); err != nil {
		return err
	}
	for m := range messages {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// tell sends a change to everybody, and waits for those who are behind.
func (b *bare) tell(m *stokerv1.WatchBatchResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.streams {
		s <- m
	}
}

// openBare opens a bare server. play tells of a batch: what cannot be told in the time that the changes were
// due in, and half of it again, is not.
func (a audience) openBare(t *testing.T) (o opened, play func() played, end func()) {
	now := timestamppb.Now()
	b := &bare{batch: &stokerv1.Batch{
		Id: "0192f0c1-0000-7000-8000-000000000000", DisplayName: "0192f0c1-0000-7000-8000-000000000000", Account: "default",
		State: stokerv1.BatchState_BATCH_STATE_ACTIVE, Priority: 50, Profile: "default", Input: "default", Output: "default",
		JobCount: int64(a.changes() / stepsOfJob), Counts: &stokerv1.JobCounts{Waiting: 300, Running: 60, Succeeded: 640},
		CreateTime: now, UpdateTime: now, StartTime: now,
	}}
	p := played{Jobs: make([]glance, a.changes()/stepsOfJob+1), Due: make([]time.Time, a.changes()+2)}
	for n := 1; n < len(p.Jobs); n++ {
		p.Jobs[n].State = stokerv1.JobState_JOB_STATE_WAITING
		b.jobs = append(b.jobs, &stokerv1.Job{
			Id: fmt.Sprintf("%s/%d", b.batch.GetId(), n), Key: fmt.Sprintf("k-%d", n), State: p.Jobs[n].State,
			InputPath: fmt.Sprintf("in/%d.mp4", n), OutputPath: fmt.Sprintf("out/%d", n), CreateTime: now, UpdateTime: now,
		})
	}
	house := openHouse(t, nil, func(g *grpc.Server) { stokerv1.RegisterBatchServiceServer(g, b) })
	play = func() played {
		var mu sync.Mutex
		revision, late := int64(1), time.Now().Add(a.playTime()*3/2)
		p.Took = a.play(t.Context(), func(_ context.Context, number int64, at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			if time.Now().After(late) {
				return
			}
			revision++
			p.Due[revision] = at
			l := &p.Jobs[number]
			l.State, l.Progress = min(l.State+1, stokerv1.JobState_JOB_STATE_SUCCEEDED), l.Progress+15
			job := b.jobs[number-1]
			b.tell(&stokerv1.WatchBatchResponse{Cursor: cursorAt(revision), Batch: b.batch, Jobs: []*stokerv1.Job{{
				Id: job.GetId(), Key: job.GetKey(), State: l.State, Progress: int32(l.Progress), Attempt: 1, EncodingId: job.GetId(),
				InputPath: job.GetInputPath(), OutputPath: job.GetOutputPath(),
				CreateTime: now, UpdateTime: now, StartTime: now, QueuedTime: now, RunningTime: now,
			}}})
		})
		for _, s := range b.streams {
			close(s)
		}
		return p
	}
	return opened{house.address, b.batch.GetId()}, play, func() { house.close(house.grpc.Stop) }
}
