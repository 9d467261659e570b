package server

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// This file converts values of package job to messages.

func jobStateMessage(s job.State) stokerv1.JobState {
	return stokerv1.JobState(stokerv1.JobState_value["JOB_STATE_"+string(s)])
}

func batchStateMessage(s job.BatchState) stokerv1.BatchState {
	return stokerv1.BatchState(stokerv1.BatchState_value["BATCH_STATE_"+string(s)])
}

func breakerStateMessage(s job.BreakerState) stokerv1.BreakerState {
	return stokerv1.BreakerState(stokerv1.BreakerState_value["BREAKER_STATE_"+string(s)])
}

// timestamp is nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// batchMessage makes a message of what the job table has of a batch. [Server.renderBatch] adds
// percentage, wait and estimated end.
func batchMessage(b job.Batch) *stokerv1.Batch {
	m := &stokerv1.Batch{
		Id: b.ID, Number: b.Seq, DisplayName: b.DisplayName, Account: b.AccountID, CreatedBy: b.CreatedBy,
		State: batchStateMessage(b.State), StateReason: b.StateReason,
		Priority: int32(b.Priority), Profile: b.Profile,
		Input: b.Input.Name, InputId: b.Input.ID, Output: b.Output.Name, OutputId: b.Output.ID,
		RetryPolicy: retryPolicyMessage(b.Retry), FailureLimit: failureLimitMessage(b.FailureLimit),
		Labels:   b.Labels,
		JobCount: b.Counts.Total(), Counts: countsMessage(b.Counts),
		SkipSucceeded: b.SkipSucceeded, SkippedCount: b.Skipped,
		CreateTime: timestamp(b.CreateTime), UpdateTime: timestamp(b.UpdateTime),
		StartTime: timestamp(b.StartTime), FinishTime: timestamp(b.FinishTime),
	}
	if b.Template != nil {
		m.Template = b.Template.Name
	}
	return m
}

func batchRef(b job.Batch) *stokerv1.BatchRef {
	return &stokerv1.BatchRef{Id: b.ID, Number: b.Seq, DisplayName: b.DisplayName, Account: b.AccountID, State: batchStateMessage(b.State)}
}

func countsMessage(c job.Counts) *stokerv1.JobCounts {
	return &stokerv1.JobCounts{
		Waiting: c.Waiting, Starting: c.Starting, Queued: c.Queued, Running: c.Running,
		Succeeded: c.Succeeded, Failed: c.Failed, Cancelling: c.Cancelling, Cancelled: c.Cancelled,
	}
}

// retryPolicyMessage makes a message of a retry policy, with the defaults of the back-off.
func retryPolicyMessage(p job.RetryPolicy) *stokerv1.RetryPolicy {
	return &stokerv1.RetryPolicy{
		MaxRetries:          new(int32(p.MaxRetries)),
		InitialBackoff:      durationpb.New(cmp.Or(p.InitialBackoff, job.DefaultInitialBackoff)),
		MaxBackoff:          durationpb.New(cmp.Or(p.MaxBackoff, job.DefaultMaxBackoff)),
		RetryTransferErrors: p.RetryTransferErrors,
	}
}

func failureLimitMessage(l job.FailureLimit) *stokerv1.FailureLimit {
	if l == (job.FailureLimit{}) {
		return nil
	}
	return &stokerv1.FailureLimit{
		Count: l.Count, Percent: int32(l.Percent), MinFinished: cmp.Or(l.MinFinished, job.DefaultMinFinished),
	}
}

// waitMessage is nil for the zero wait.
func waitMessage(w job.Wait) *stokerv1.Wait {
	if w.Code == "" {
		return nil
	}
	return &stokerv1.Wait{
		Code:  stokerv1.WaitCode(stokerv1.WaitCode_value["WAIT_CODE_"+string(w.Code)]),
		Since: timestamp(w.Since), Until: timestamp(w.Until),
		Position: w.Position, EarliestStartTime: timestamp(w.Earliest),
		Count: w.Count, Limit: w.Limit, Attempt: int32(w.Attempt), Subject: w.Subject, Text: w.Text,
	}
}

// jobMessage makes a message of what the job table has of a job of a batch. [Server.jobMessages] adds
// the wait.
func jobMessage(batchNumber int64, j job.Job) *stokerv1.Job {
	return &stokerv1.Job{
		Id: j.ID.String(), BatchNumber: batchNumber, Number: j.ID.Number, Key: j.Key, Name: j.Name,
		InputPath: j.InputPath, OutputPath: j.OutputPath, Variables: j.Variables,
		State: jobStateMessage(j.State), Progress: int32(j.Progress), Attempt: int32(j.Attempt),
		EncodingId: j.EncodingID, Failure: failureMessage(j.Failure), Reason: j.Reason,
		NextAttemptTime: timestamp(j.NextAttemptTime),
		CreateTime:      timestamp(j.CreateTime), UpdateTime: timestamp(j.UpdateTime),
		StartTime: timestamp(j.StartTime), QueuedTime: timestamp(j.QueuedTime),
		RunningTime: timestamp(j.RunningTime), FinishTime: timestamp(j.FinishTime),
		PlatformStatus: j.PlatformStatus, PlatformStatusTime: timestamp(j.PlatformStatusTime),
	}
}

func failureMessage(f *job.Failure) *stokerv1.Failure {
	if f == nil {
		return nil
	}
	return &stokerv1.Failure{
		Kind: stokerv1.FailureKind(stokerv1.FailureKind_value["FAILURE_KIND_"+string(f.Kind)]),
		Code: int32(f.Code), HttpStatus: int32(f.HTTPStatus),
		Category: f.Category, Text: f.Text, RetryHint: string(f.Hint), Messages: f.Messages,
		RequestId: f.RequestID, Time: timestamp(f.Time), Permanent: f.Permanent, Cause: f.Cause,
	}
}

// attemptMessages returns the attempts of j: those that ended without success, and the one that is
// under way or succeeded, made of the fields of j.
// region names the region for a [job.Job.FallbackRegionIndex].
func attemptMessages(j job.Job, ended []job.Attempt, region func(moves int) string) []*stokerv1.Attempt {
	last := 0
	out := make([]*stokerv1.Attempt, 0, len(ended)+1)
	for _, a := range ended {
		last = max(last, a.Number)
		out = append(out, &stokerv1.Attempt{
			Number: int32(a.Number), EncodingId: a.EncodingID, State: jobStateMessage(a.State),
			StartTime: timestamp(a.StartTime), QueuedTime: timestamp(a.QueuedTime),
			RunningTime: timestamp(a.RunningTime), FinishTime: timestamp(a.FinishTime),
			Failure: failureMessage(a.Failure), Region: region(a.FallbackRegionIndex),
		})
	}
	if j.Attempt > last && (j.State.OnPlatform() || j.State == job.Succeeded) {
		out = append(out, &stokerv1.Attempt{
			Number: int32(j.Attempt), EncodingId: j.EncodingID, State: jobStateMessage(j.State),
			StartTime: timestamp(j.StartTime), QueuedTime: timestamp(j.QueuedTime),
			RunningTime: timestamp(j.RunningTime), FinishTime: timestamp(j.FinishTime),
			Region: region(j.FallbackRegionIndex),
		})
	}
	return out
}

// eventMessages returns the events of j. The first is the submission, which is not stored as an event:
// its time is the CreateTime of j.
func eventMessages(j job.Job, events []job.Event) []*stokerv1.JobEvent {
	out := make([]*stokerv1.JobEvent, 0, len(events)+1)
	out = append(out, &stokerv1.JobEvent{Time: timestamp(j.CreateTime), To: jobStateMessage(job.Waiting), Reason: "submitted"})
	for _, e := range events {
		m := &stokerv1.JobEvent{Time: timestamp(e.Time), To: jobStateMessage(e.To), Attempt: int32(e.Attempt), Reason: e.Reason}
		if e.From != "" {
			m.From = jobStateMessage(e.From)
		}
		out = append(out, m)
	}
	return out
}

func accountMessage(a job.AccountStatus) *stokerv1.Account {
	wait := a.ExplainWait(time.Now())
	for _, text := range []*string{&a.PausedReason, &a.BreakerReason, &a.Problem} {
		*text = job.Shorten(*text, job.MaxReason)
	}
	m := &stokerv1.Account{
		Id: a.ID, QueueTarget: int32(a.QueueTarget), EffectiveQueueTarget: int32(a.EffectiveQueueTarget),
		PlatformQueuedTime: timestamp(a.PlatformQueuedTime),
		QueuedCount:        int32(a.QueuedCount), RunningCount: int32(a.RunningCount),
		StartingCount: int32(a.StartingCount), CancellingCount: int32(a.CancellingCount),
		PreparedCount: int32(a.PreparedCount), PreparingCount: int32(a.PreparingCount),
		Paused: a.Paused, PausedReason: a.PausedReason, PausedUntil: timestamp(a.PausedUntil),
		MaxStartsPerDay: int32(a.MaxStartsPerDay), StartsTodayCount: int32(a.StartsTodayCount),
		Breaker: &stokerv1.Breaker{
			State: breakerStateMessage(a.Breaker), Reason: a.BreakerReason,
			Since: timestamp(a.BreakerSince), NextProbeTime: timestamp(a.NextProbeTime),
		},
		QueueFullUntil: timestamp(a.QueueFullUntil), Problem: a.Problem,
		Wait: waitMessage(wait), WaitReason: wait.String(),
		QueueTargetSetting: targetMessage(a.TargetSetting), ConfiguredQueueTarget: targetMessage(a.ConfiguredTarget),
	}
	if a.TargetInForce().Auto {
		m.AutomaticQueueTarget = &stokerv1.QueueTargetRange{Min: int32(a.MinAutoTarget), Max: int32(a.MaxAutoTarget)}
	}
	if advice := a.TargetAdvice; advice.Given() {
		m.QueueTargetAdvice = &stokerv1.QueueTargetAdvice{
			EncoderCount: int32(advice.EncoderCount), CallTime: durationpb.New(advice.CallTime),
			AutomaticQueueTarget: int32(advice.AutomaticTarget), Text: advice.String(),
		}
	}
	if a.PlatformQueuedCount >= 0 {
		m.PlatformQueuedCount = new(int32(a.PlatformQueuedCount))
	}
	for _, b := range a.Budgets {
		m.Budgets = append(m.Budgets, &stokerv1.Budget{
			Class: b.Class, LimitPerMinute: int32(b.LimitPerMinute), Available: int32(b.Available),
			PausedUntil: timestamp(b.PausedUntil),
		})
	}
	for _, v := range a.UnknownValues {
		m.UnknownValues = append(m.UnknownValues, &stokerv1.UnknownValue{
			Kind: v.Kind, Value: v.Value, FirstTime: timestamp(v.FirstTime), Count: v.Count,
		})
	}
	m.Simulated = a.Simulated
	m.Listing = listingMessage(a.Listing)
	for _, o := range a.OtherInstances {
		m.OtherInstances = append(m.OtherInstances, &stokerv1.OtherInstance{Id: o.ID, LastSeenTime: timestamp(o.LastSeenTime)})
	}
	if d := a.Driver; d != nil {
		m.Driver = &stokerv1.Driver{Address: d.Address, Since: timestamp(d.Since), Epoch: d.Epoch}
	}
	if w := a.Webhooks; w != nil {
		m.Webhooks = &stokerv1.Webhooks{
			Problem: job.Shorten(w.Problem, job.MaxReason), UsedCount: w.UsedCount, IgnoredCount: w.IgnoredCount, RejectedCount: w.RejectedCount,
			LastUsedTime: timestamp(w.LastUsedTime),
		}
	}
	return m
}

func targetMessage(t job.TargetSetting) *stokerv1.QueueTargetSetting {
	switch {
	case t.Auto:
		return &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO}
	case t.Number != 0:
		return &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED, Number: int32(t.Number)}
	}
	return &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_DEFAULT}
}

func listingMessage(l job.Listing) *stokerv1.Listing {
	m := &stokerv1.Listing{
		Way:            stokerv1.ListingWay(stokerv1.ListingWay_value["LISTING_WAY_"+string(l.Way)]),
		ComparingSince: timestamp(l.ComparingSince), ComparingProblem: l.ComparingProblem,
	}
	for _, p := range l.FaultyParameters {
		m.FaultyParameters = append(m.FaultyParameters, &stokerv1.ListParameter{
			Name: p.Name, Time: timestamp(p.Time),
			Fault: stokerv1.ParameterFault(stokerv1.ParameterFault_value["PARAMETER_FAULT_"+string(p.Fault)]),
		})
	}
	return m
}
