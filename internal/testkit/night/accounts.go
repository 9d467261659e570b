package night

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Accounts are three accounts: one works, one has nothing to do, and the key of one is refused.
func Accounts() []*stokerv1.Account {
	return []*stokerv1.Account{
		Account(),
		{
			Id: "archive", QueueTarget: 20, EffectiveQueueTarget: 20, PlatformQueuedCount: new(int32(0)),
			Wait: &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_IDLE}, WaitReason: "no job to start",
		},
		{
			Id: "partner", QueueTarget: 20, EffectiveQueueTarget: 20, PlatformQueuedCount: new(int32(0)), WaitingCount: 692,
			Breaker:    &stokerv1.Breaker{State: stokerv1.BreakerState_BREAKER_STATE_OPEN, Reason: "key refused (401)", Since: At("13:40:00"), NextProbeTime: At("14:03:10")},
			Wait:       &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_BREAKER, Text: "key refused (401)", Since: At("13:40:00"), Until: At("14:03:10")},
			WaitReason: "key refused (401)",
		},
	}
}

// Account is the account default.
func Account() *stokerv1.Account {
	budget := func(class string, left, limit int32) *stokerv1.Budget {
		return &stokerv1.Budget{Class: class, Available: left, LimitPerMinute: limit}
	}
	a := &stokerv1.Account{
		Id: "default", QueueTarget: 20, EffectiveQueueTarget: 20, PlatformQueuedCount: new(int32(20)), PlatformQueuedTime: At("14:02:28"),
		QueuedCount: 20, RunningCount: 250, StartingCount: 6, PreparedCount: 40, WaitingCount: 251_057,
		AutomaticQueueTarget: &stokerv1.QueueTargetRange{Min: 3, Max: 50},
		Breaker:              &stokerv1.Breaker{State: stokerv1.BreakerState_BREAKER_STATE_CLOSED, Since: At("11:22:40")},
		Webhooks:             &stokerv1.Webhooks{UsedCount: 4_096, LastUsedTime: At("14:02:29")},
		Budgets: []*stokerv1.Budget{
			budget("start", 88, 600), budget("encoding-list", 41, 60), budget("status", 4_096, 6_000), budget("subresource", 10_820, 20_000),
			budget("manifest", 9_120, 10_000), budget("other", 0, 60),
			budget("encoding-create", 92, 600), budget("encoding-read", 296, 300), budget("start-read", 600, 600), budget("resource-write", 1_000, 1_000),
			budget("resource-read", 3_998, 4_000),
		},
		Problems: []*stokerv1.AccountProblem{
			{
				Kind: stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_CALLS_REFUSED, StartTime: At("14:02:04"), Until: At("14:02:50"), Subject: "other",
				Text: "Bitmovin answered 429; somebody else may use this key",
			},
			{
				Kind: stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_BREAKER, StartTime: At("10:58:00"), FinishTime: At("11:22:40"),
				Text: "502 from Bitmovin, 12 times in a row",
			},
			{
				Kind: stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_PAUSED, StartTime: At("09:46:00"), FinishTime: At("10:04:00"), Text: "encoder update",
			},
		},
	}
	a.Budgets[5].PausedUntil = At("14:02:50")
	return a
}

// History is the last hour of the account default, a sample every two minutes.
func History() *stokerv1.GetAccountHistoryResponse {
	h := &stokerv1.GetAccountHistoryResponse{Step: durationpb.New(2 * time.Minute), RecordingSince: At("2026-11-28 14:02:31")}
	for i := range 30 {
		queued, running := int32(18), int32(240+i%5*4)
		switch {
		case i%4 == 3:
			queued = 20
		case i == 13:
			queued, running = 17, 236
		case i == 22:
			running = 271
		}
		h.Samples = append(h.Samples, &stokerv1.AccountSample{
			Time: timestamppb.New(At("13:02:31").AsTime().Add(time.Duration(i) * 2 * time.Minute)), QueueTarget: 20,
			PlatformQueuedCount: &queued, QueuedCount: queued, RunningCount: running,
		})
	}
	return h
}

// Profiles are three profiles.
func Profiles() []*stokerv1.Profile {
	return []*stokerv1.Profile{
		{Name: "default", Encodes: "H.264 480p, 720p, 1080p; AAC; fMP4", Region: "AUTO"},
		{Name: "hevc", Encodes: "H.265 1080p, 2160p; AAC; CMAF; DASH, HLS", Region: "AWS_EU_WEST_1", FallbackRegions: []string{"AWS_EU_CENTRAL_1"}},
		{Name: "preview", Encodes: "H.264 360p; AAC; MP4", Region: "AUTO"},
	}
}

// Templates are two encoding templates.
func Templates() []*stokerv1.EncodingTemplate {
	title := &stokerv1.TemplateVariable{Name: "title", Type: stokerv1.VariableType_VARIABLE_TYPE_TEXT, Required: true, Description: "Shown by players."}
	return []*stokerv1.EncodingTemplate{
		{
			Name: "per-title", Encodes: "H.264 per title to 1080p; AAC; CMAF; DASH, HLS", UsesInputPath: true, UsesOutputPath: true, UsesInput: true, UsesOutput: true,
			Variables: []*stokerv1.TemplateVariable{title, {Name: "brand", Type: stokerv1.VariableType_VARIABLE_TYPE_TEXT, Default: new("junior")}},
		},
		{Name: "anywhere", Encodes: "H.264 per title to 1080p; AAC; CMAF", Variables: []*stokerv1.TemplateVariable{title}},
	}
}

// Storages are two storages.
func Storages() []*stokerv1.Storage {
	return []*stokerv1.Storage{
		{Name: "encodes", Type: "s3", Location: "encodes", Region: "eu-west-1", Output: true, OutputBase: "published/out"},
		{Name: "masters", Type: "https", Location: "masters.example.com", Input: true, InputBase: "vod"},
	}
}
