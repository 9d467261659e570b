// Package night makes the API messages of a server that has much to do on a Sunday afternoon, for tests of
// output: ten of its 214 batches, jobs, failures, accounts with their history, and the catalog.
package night

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Zone is the zone in which the server's user lives.
var Zone = time.FixedZone("CET", 3600)

// Now is the time at which the messages were made.
func Now() time.Time { return time.Date(2026, 11, 29, 14, 2, 31, 0, Zone) }

// At is a time of the user's clock, such as "2026-11-28 23:48:00", or of today, such as "12:19:02".
func At(text string) *timestamppb.Timestamp {
	if len(text) < len(time.DateTime) {
		text = "2026-11-29 " + text
	}
	t, err := time.ParseInLocation(time.DateTime, text, Zone)
	if err != nil {
		panic(err) // a test has a wrong time
	}
	return timestamppb.New(t)
}

// ID is the id of batch 411.
const ID = "01a20f4c-7b1e-7d3a-9c52-2f6f0c9b8e11"

// Page is where browsers show batch 411.
const Page = "http://127.0.0.1:7072/#/batches/411"

// NightRun is batch 411: active, behind jobs of a batch with a higher priority.
func NightRun() *stokerv1.Batch {
	return &stokerv1.Batch{
		Id: ID, Number: 411, DisplayName: "night run 411", Account: "default", CreatedBy: "local",
		State: stokerv1.BatchState_BATCH_STATE_ACTIVE, Priority: 50, Profile: "default", Input: "masters", Output: "encodes",
		Encodes:      "H.264 480p, 720p, 1080p; AAC; fMP4",
		PageUrl:      Page,
		RetryPolicy:  &stokerv1.RetryPolicy{MaxRetries: new(int32(2)), InitialBackoff: durationpb.New(10 * time.Second), MaxBackoff: durationpb.New(10 * time.Minute)},
		FailureLimit: &stokerv1.FailureLimit{Percent: 2},
		Labels:       map[string]string{"run": "nightly", "team": "vod"},
		JobCount:     520_000, Percent: 61.8011,
		Counts: &stokerv1.JobCounts{Waiting: 198_406, Starting: 4, Queued: 14, Running: 210, Succeeded: 320_809, Failed: 437, Cancelled: 120},
		Wait: &stokerv1.Wait{
			Code: stokerv1.WaitCode_WAIT_CODE_PRIORITY, Position: 1232, Count: 1231, EarliestStartTime: At("14:25:10"),
			Ahead: []*stokerv1.BatchAhead{{BatchNumber: 416, Priority: 80, JobCount: 1231}},
		},
		WaitReason: "1231 jobs of a higher priority go first",
		CreateTime: At("02:10:04"), StartTime: At("02:10:05"), UpdateTime: At("14:02:31"),
		EarliestFinishTime: At("20:20:00"), EstimatedFinishTime: At("20:50:00"), LatestFinishTime: At("21:30:00"),
	}
}

// Batches are ten batches, in the order in which the server lists them: the newest first.
func Batches() []*stokerv1.Batch {
	counts := func(running, failed int64) *stokerv1.JobCounts {
		return &stokerv1.JobCounts{Running: running, Failed: failed, Waiting: 1}
	}
	return []*stokerv1.Batch{
		{
			Id: "01a20f99-0000-7000-8000-000000000417", Number: 417, DisplayName: "trailers Q1", State: stokerv1.BatchState_BATCH_STATE_OPEN,
			Percent: 2.9, JobCount: 40_000, Counts: counts(0, 0), Wait: &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_MORE_JOBS},
			WaitReason: "open for more jobs", Account: "default", Priority: 50, CreateTime: At("11:30:00"),
		},
		{
			Id: "01a20f88-0000-7000-8000-000000000416", Number: 416, DisplayName: "news 2026-11-29", State: stokerv1.BatchState_BATCH_STATE_ACTIVE,
			Percent: 30.2, JobCount: 1_840, Counts: counts(40, 0), Account: "default", Priority: 80, CreateTime: At("11:00:00"),
			EarliestFinishTime: At("14:20:00"), EstimatedFinishTime: At("14:23:00"), LatestFinishTime: At("14:26:00"),
		},
		{
			Id: "01a20f77-0000-7000-8000-000000000415", Number: 415, DisplayName: "promo tests", State: stokerv1.BatchState_BATCH_STATE_CANCELLING,
			Percent: 92.5, JobCount: 40, Counts: counts(3, 0), StateReason: "wrong logo", Account: "default", Priority: 50, CreateTime: At("10:00:00"),
		},
		{
			Id: "01a20f4c-91d0-7a15-8b1e-40c3d97a2f06", Number: 412, DisplayName: "kids back catalogue", State: stokerv1.BatchState_BATCH_STATE_ACTIVE,
			JobCount: 12_600, Counts: counts(0, 0), Account: "default", Priority: 20, CreateTime: At("02:10:30"),
			Wait: &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_IN_LINE, Position: 199_640}, WaitReason: "behind 199,639 jobs",
			EarliestFinishTime: At("2026-11-30 00:10:00"), EstimatedFinishTime: At("2026-11-30 01:10:00"), LatestFinishTime: At("2026-11-30 02:40:00"),
		},
		NightRun(),
		{
			Id: "01a20e11-0000-7000-8000-000000000410", Number: 410, DisplayName: "night run 410", State: stokerv1.BatchState_BATCH_STATE_SUCCEEDED,
			Percent: 100, JobCount: 486_200, Counts: &stokerv1.JobCounts{Succeeded: 486_200}, Account: "default", Priority: 50,
			CreateTime: At("2026-11-28 16:10:00"), StartTime: At("2026-11-28 16:11:00"), FinishTime: At("01:52:00"),
		},
		{
			Id: "01a20e00-0000-7000-8000-000000000409", Number: 409, DisplayName: "hevc re-encode 3", State: stokerv1.BatchState_BATCH_STATE_FAILED,
			Percent: 100, JobCount: 22_000, Counts: &stokerv1.JobCounts{Succeeded: 21_987, Failed: 13}, Account: "default", Priority: 50,
			CreateTime: At("2026-11-28 20:00:00"), StartTime: At("2026-11-28 20:00:10"), FinishTime: At("00:20:00"),
		},
		{
			Id: "01a20d00-0000-7000-8000-000000000408", Number: 408, DisplayName: "archive 7", State: stokerv1.BatchState_BATCH_STATE_PAUSED,
			Percent: 15.3, JobCount: 31_870, Counts: counts(0, 20), FailureLimit: &stokerv1.FailureLimit{Count: 20},
			StateReason: "failure limit of 20 reached", Account: "archive", Priority: 50, CreateTime: At("2026-11-28 12:00:00"),
		},
		{
			Id: "01a20c00-0000-7000-8000-000000000406", Number: 406, DisplayName: "news 2026-11-28", State: stokerv1.BatchState_BATCH_STATE_SUCCEEDED,
			Percent: 100, JobCount: 1_902, Counts: &stokerv1.JobCounts{Succeeded: 1_902}, Account: "default", Priority: 80,
			CreateTime: At("2026-11-28 11:00:00"), StartTime: At("2026-11-28 11:00:10"), FinishTime: At("2026-11-28 23:48:00"),
		},
		{
			Id: "01a20b00-0000-7000-8000-000000000405", Number: 405, DisplayName: "partner delivery 12", State: stokerv1.BatchState_BATCH_STATE_ACTIVE,
			Percent: 23.1, JobCount: 900, Counts: counts(0, 0), Account: "partner", Priority: 50, CreateTime: At("2026-11-27 11:00:00"),
			Wait: &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, Subject: "partner", Text: "key refused"}, WaitReason: "account partner is paused: key refused",
		},
	}
}

// BatchCount is how many batches the server has.
const BatchCount = 214

// lost is the failure of a job whose encoder was lost.
func lost(at string) *stokerv1.Failure {
	return &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_ENCODING, Code: 60001, Category: "INFRASTRUCTURE", Text: "Encoder instance lost",
		RetryHint: "RETRY_IN_DIFFERENT_REGION", RequestId: "7d1f0b52-9c1e-4b0a-a7f4-20c5d3e1", Time: At(at), Cause: "0e77a2b1d834",
		Messages: []string{
			"An encoder instance was lost while it was working. The encoding could not be recovered: task 7 of 12 (muxing fmp4/1080) did not report for 120 s.",
		},
	}
}

func notFound(at string) *stokerv1.Failure {
	return &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_CONFIGURE, HttpStatus: 404, Text: "Input not found", Category: "INPUT", Permanent: true,
		Time: At(at), Cause: "5f1d3a09c2e4",
	}
}

// failedJob is a job of batch 411 that has failed.
func failedJob(number int64, key string, attempt int32, changed string, f *stokerv1.Failure) *stokerv1.Job {
	return &stokerv1.Job{
		Id: ID + "/" + itoa(number), BatchNumber: 411, Number: number, Key: key, State: stokerv1.JobState_JOB_STATE_FAILED, Attempt: attempt,
		InputPath: "vod/" + key + ".mov", OutputPath: "published/out/" + key, Failure: f, CreateTime: At("02:10:04"), UpdateTime: At(changed), FinishTime: At(changed),
	}
}

// FailedJobs are the first four failed jobs of batch 411, of 437.
func FailedJobs() []*stokerv1.Job {
	return []*stokerv1.Job{
		failedJob(17, "clips/2019-06/tour-stage-9", 1, "12:00:40", notFound("12:00:40")),
		failedJob(24, "clips/2019-06/tour-stage-15", 1, "12:00:44", notFound("12:00:44")),
		failedJob(28, "clips/2019-06/marathon-finish", 3, "12:19:02", lost("12:19:02")),
		failedJob(36, "clips/2019-06/regatta-prizes", 1, "12:01:55", notFound("12:01:55")),
	}
}

// Jobs are jobs of batch 411 in every state.
func Jobs() []*stokerv1.Job {
	job := func(number int64, key string, state stokerv1.JobState, change func(*stokerv1.Job)) *stokerv1.Job {
		j := &stokerv1.Job{
			Id: ID + "/" + itoa(number), BatchNumber: 411, Number: number, Key: key, State: state, Attempt: 1, InputPath: "vod/" + key + ".mov",
			OutputPath: "published/out/" + key, CreateTime: At("02:10:04"), UpdateTime: At("14:02:30"),
		}
		if change != nil {
			change(j)
		}
		return j
	}
	return []*stokerv1.Job{
		job(18, "clips/2019-06/tour-stage-10", stokerv1.JobState_JOB_STATE_SUCCEEDED, func(j *stokerv1.Job) {
			j.EncodingId, j.StartTime, j.RunningTime, j.FinishTime = "e5f0a1c2-0b7d-4e19-8f3e-6cc1d2f7a018", At("12:00:00"), At("12:00:12"), At("12:04:30")
		}),
		job(19, "clips/2019-06/tour-stage-11", stokerv1.JobState_JOB_STATE_RUNNING, func(j *stokerv1.Job) { j.Progress, j.RunningTime = 72, At("14:00:00") }),
		job(20, "clips/2019-06/tour-stage-12-a", stokerv1.JobState_JOB_STATE_RUNNING, func(j *stokerv1.Job) {
			j.Progress, j.Attempt, j.RunningTime = 38, 2, At("14:01:00")
		}),
		job(21, "clips/2019-06/tour-stage-13", stokerv1.JobState_JOB_STATE_QUEUED, func(j *stokerv1.Job) {
			j.Wait, j.WaitReason = &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_ENCODER}, "waits for a free encoder"
		}),
		job(23, "clips/2019-06/tour-stage-14", stokerv1.JobState_JOB_STATE_WAITING, func(j *stokerv1.Job) {
			j.Failure, j.Wait = lost("14:01:30"), &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_BACKOFF, Attempt: 2, Until: At("14:06:30")}
			j.UpdateTime, j.WaitReason = At("14:01:30"), "pause before attempt 2 until 2026-11-29T13:06:30Z"
		}),
		failedJob(28, "clips/2019-06/marathon-finish", 3, "12:19:02", lost("12:19:02")),
		job(29, "clips/2019-06/regatta-heat-1", stokerv1.JobState_JOB_STATE_WAITING, func(j *stokerv1.Job) {
			j.Attempt, j.Wait = 0, &stokerv1.Wait{
				Code: stokerv1.WaitCode_WAIT_CODE_PRIORITY, Position: 1233, Count: 1231, EarliestStartTime: At("14:25:10"),
				Ahead: []*stokerv1.BatchAhead{{BatchNumber: 416, Priority: 80, JobCount: 1231}},
			}
			j.UpdateTime, j.WaitReason = At("02:10:04"), "1231 jobs of a higher priority go first"
		}),
		job(30, "clips/2019-06/regatta-heat-2", stokerv1.JobState_JOB_STATE_CANCELLED, func(j *stokerv1.Job) { j.Attempt, j.Reason = 0, "no sound" }),
	}
}

// FailedJob is job 411/28 with its three attempts.
func FailedJob() *stokerv1.GetJobResponse {
	j := FailedJobs()[2]
	j.EncodingId = "5e6f21c8-0b7d-4e19-8f3e-6cc1d2f7a310"
	attempt := func(number int32, start, running, finish, region string) *stokerv1.Attempt {
		return &stokerv1.Attempt{
			Number: number, State: stokerv1.JobState_JOB_STATE_FAILED, StartTime: At(start), QueuedTime: At(start), RunningTime: At(running),
			FinishTime: At(finish), Region: region, Failure: lost(finish),
		}
	}
	return &stokerv1.GetJobResponse{
		Job: j, AlikeCount: 3, Batch: &stokerv1.BatchRef{Id: ID, Number: 411, DisplayName: "night run 411"},
		Attempts: []*stokerv1.Attempt{
			attempt(1, "12:00:15", "12:00:27", "12:04:30", "AWS_EU_WEST_1"),
			attempt(2, "12:05:32", "12:05:47", "12:09:48", "AWS_EU_WEST_1"),
			attempt(3, "12:14:51", "12:15:09", "12:19:01", "AWS_EU_CENTRAL_1"),
		},
		Events: []*stokerv1.JobEvent{
			{Time: At("02:10:04"), To: stokerv1.JobState_JOB_STATE_WAITING, Reason: "submitted"},
			{Time: At("12:00:14"), From: stokerv1.JobState_JOB_STATE_WAITING, To: stokerv1.JobState_JOB_STATE_STARTING, Attempt: 1, Reason: "a place is free"},
			{Time: At("12:19:02"), From: stokerv1.JobState_JOB_STATE_RUNNING, To: stokerv1.JobState_JOB_STATE_FAILED, Attempt: 3, Reason: "Encoder instance lost"},
		},
	}
}

// WaitingJob is job 411/29, behind jobs of a batch with a higher priority.
func WaitingJob() *stokerv1.GetJobResponse {
	return &stokerv1.GetJobResponse{Job: Jobs()[6], Batch: &stokerv1.BatchRef{Id: ID, Number: 411, DisplayName: "night run 411"}}
}

// Found are jobs of three batches with sintel in their keys.
func Found() *stokerv1.ListJobsResponse {
	job := func(batch, number int64, key string, state stokerv1.JobState, changed string) *stokerv1.Job {
		return &stokerv1.Job{BatchNumber: batch, Number: number, Key: key, State: state, UpdateTime: At(changed)}
	}
	return &stokerv1.ListJobsResponse{
		Jobs: []*stokerv1.Job{
			job(411, 301_877, "films/sintel-2010", stokerv1.JobState_JOB_STATE_WAITING, "02:10:04"),
			job(409, 12_040, "hevc/sintel-2010", stokerv1.JobState_JOB_STATE_FAILED, "2026-11-28 21:40:18"),
			job(398, 3, "sintel-2010", stokerv1.JobState_JOB_STATE_SUCCEEDED, "2026-11-27 10:29:51"),
		},
		Batches: []*stokerv1.BatchRef{
			{Number: 411, DisplayName: "night run 411"}, {Number: 409, DisplayName: "hevc re-encode 3"}, {Number: 398, DisplayName: "open movies"},
		},
	}
}

// Failures are the causes of the failures of batch 411.
func Failures() *stokerv1.ListFailuresResponse {
	cause := func(count int64, job string, f *stokerv1.Failure) *stokerv1.FailureCause {
		return &stokerv1.FailureCause{Cause: f.GetCause(), Count: count, JobId: ID + "/" + job, Failure: f, BatchNumber: 411, BatchCount: 1}
	}
	decoding := &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_ENCODING, Code: 10003, Text: "Video could not be decoded", Category: "DECODING", Permanent: true, Cause: "92955d8ca7ae",
	}
	refused := &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_TRANSFER, HttpStatus: 403, Text: "Output refused: AccessDenied", Category: "TRANSFER", Permanent: true, Cause: "c41b07de5590",
	}
	return &stokerv1.ListFailuresResponse{FailedCount: 437, Causes: []*stokerv1.FailureCause{
		cause(396, "17", notFound("12:00:40")), cause(29, "902", decoding), cause(9, "20114", refused), cause(3, "28", lost("12:19:02")),
	}}
}

// NextJobs are the next three jobs of the account default.
func NextJobs() *stokerv1.ListNextJobsResponse {
	next := func(position, number int64, key, start string) *stokerv1.NextJob {
		return &stokerv1.NextJob{Position: position, Priority: 80, Job: &stokerv1.Job{
			BatchNumber: 416, Number: number, Key: key, Wait: &stokerv1.Wait{Position: position, EarliestStartTime: At(start)},
		}}
	}
	more := func(batch, due int64) *stokerv1.NextBatch {
		return &stokerv1.NextBatch{Batch: &stokerv1.BatchRef{Number: batch}, DueCount: due}
	}
	return &stokerv1.ListNextJobsResponse{
		Jobs: []*stokerv1.NextJob{
			next(1, 610, "2026-11-29/weather-north", "14:02:31"), next(2, 611, "2026-11-29/weather-south", "14:02:31"), next(3, 612, "2026-11-29/markets-close", "14:02:32"),
		},
		Batches: []*stokerv1.NextBatch{more(416, 1_228), more(411, 198_406), more(412, 12_600), more(417, 38_820)}, MoreCount: 251_054,
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
