// Package sample makes API messages of one batch and its jobs, for tests of output, and has a template with a secret.
package sample

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// BatchID is the id of [Batch].
const BatchID = "01920000-0000-7000-8000-000000000001"

const minute = 60

// At is the time so many seconds after [Batch] was created.
func At(seconds int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 3, 1, 20, 0, seconds, 0, time.UTC))
}

// Batch is an ACTIVE batch of six jobs.
func Batch() *stokerv1.Batch {
	return &stokerv1.Batch{
		Id: BatchID, DisplayName: "night run", Account: "default", Priority: 50, Profile: "default",
		State: stokerv1.BatchState_BATCH_STATE_ACTIVE, JobCount: 6, Percent: 41.6,
		Counts:     &stokerv1.JobCounts{Waiting: 1, Starting: 1, Queued: 1, Running: 1, Succeeded: 1, Failed: 1},
		Wait:       &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL, Position: 1, Count: 3, Limit: 3},
		WaitReason: "waiting for a free place (3 of 3 queued)",
		CreateTime: At(0), StartTime: At(1), EstimatedFinishTime: At(5 * minute),
	}
}

// Jobs are four jobs of [Batch]: FAILED, RUNNING in its second attempt, WAITING after a failed attempt, and
// SUCCEEDED.
func Jobs() []*stokerv1.Job {
	decoding := &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_ENCODING, Code: 10003, Category: "DECODING ERROR",
		Text: "the input cannot be decoded", Messages: []string{"the input cannot be decoded", "moov atom not found"},
		RetryHint: "NO_RETRY", Permanent: true, Time: At(40),
	}
	lost := &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_ENCODING, Code: 60001, Category: "ENCODING ERROR",
		Text: "an encoder was lost", RetryHint: "RETRY", Time: At(45),
	}
	return []*stokerv1.Job{
		{
			Id: BatchID + "/1", Key: "nosferatu", Name: "Nosferatu", InputPath: "in/nosferatu.mkv", OutputPath: "out/nosferatu",
			State: stokerv1.JobState_JOB_STATE_FAILED, Progress: 12, Attempt: 1, EncodingId: "e-1", Failure: decoding,
			CreateTime: At(0), StartTime: At(1), QueuedTime: At(2), RunningTime: At(10), FinishTime: At(40),
		},
		{
			Id: BatchID + "/2", Name: "Häxan, restored", InputPath: "in/haxan.mkv", OutputPath: "out/haxan",
			State: stokerv1.JobState_JOB_STATE_RUNNING, Progress: 37, Attempt: 2, EncodingId: "e-2", Failure: lost,
			CreateTime: At(0), StartTime: At(50), QueuedTime: At(51), RunningTime: At(minute),
		},
		{
			Id: BatchID + "/3", InputPath: "in/the-general.mkv", OutputPath: "out/the-general",
			State: stokerv1.JobState_JOB_STATE_WAITING, Attempt: 1, Failure: lost, Reason: "ENCODING 60001: an encoder was lost",
			Wait:            &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_BACKOFF, Attempt: 2, Until: At(minute + 10)},
			WaitReason:      "pause before attempt 2 until 2026-03-01T20:01:10Z",
			NextAttemptTime: At(minute + 10), CreateTime: At(0), StartTime: At(3),
		},
		{
			Id: BatchID + "/4", Key: "metropolis", InputPath: "in/metropolis.mkv", OutputPath: "out/metropolis",
			State: stokerv1.JobState_JOB_STATE_SUCCEEDED, Progress: 100, Attempt: 1, EncodingId: "e-4",
			CreateTime: At(0), StartTime: At(4), FinishTime: At(59),
		},
	}
}

// Watch is the messages of a watch of [Batch]: a snapshot, a heartbeat, and the batch in the given final
// state.
func Watch(state stokerv1.BatchState) []*stokerv1.WatchBatchResponse {
	last := Batch()
	last.State, last.Percent, last.FinishTime = state, 100, At(3*minute)
	last.Counts = &stokerv1.JobCounts{Succeeded: 5, Failed: 1}
	if state == stokerv1.BatchState_BATCH_STATE_SUCCEEDED {
		last.Counts = &stokerv1.JobCounts{Succeeded: 6}
	}
	return []*stokerv1.WatchBatchResponse{
		{Cursor: "1", Snapshot: true, Batch: Batch(), Jobs: Jobs()},
		{Cursor: "2", Heartbeat: true},
		{Cursor: "3", Batch: last},
	}
}
