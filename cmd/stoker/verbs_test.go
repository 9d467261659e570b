package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/golden"
)

// What verbs say, and what they print for programs. Every line is one of the shell, with what standard input
// has behind a <.
func TestVerbs(t *testing.T) {
	address := newTable().start(t)
	var told strings.Builder
	for _, line := range []string{
		"cancel 411",
		"cancel 411 --dry-run",
		"cancel 411 --yes",
		"cancel 411 --state waiting --key-prefix films/ --yes",
		"cancel 411/29 --reason late",
		"cancel 415 --yes",
		"cancel 401 412 --yes",
		"cancel 411 412 --yes",
		"cancel 411/17 411/29 --yes",
		"cancel --label team=vod --yes",
		"cancel --label team=vod --dry-run",
		"cancel --label team=none --yes",
		"cancel --all --state waiting --yes",
		"cancel - --yes < 411/17\n411/17\n\n411/29\tfilms/sintel\n",
		"cancel - --yes < 412\n411/29\n",
		"cancel - --yes < ",
		"retry 411",
		"retry 411 --yes",
		"retry 411/28",
		"retry 411 --cause 5f1d3a09c2e4 --dry-run",
		"retry --label team=vod --yes",
		"retry - --yes < 411/17\n411/28\n",
		"pause 411 --reason invoice",
		"pause 408",
		"pause 409",
		"pause 401",
		"pause --label team=vod --yes",
		"pause --label team=vod",
		"pause --account default",
		"pause --all-accounts --yes",
		"resume 408",
		"resume 411",
		"resume --all --dry-run",
		"update 411 --priority 90",
		"update 411 --priority 10",
		"update 411 --priority 50",
		"update 411 --name film --set-label run=2 --remove-label team --max-retries 5 --failure-limit 2%",
		"update --label team=vod --priority 90 --yes",
		"update --label team=vod --priority 90 --dry-run",
		"delete 409 --yes",
		"delete 411 --yes",
		"delete --all --state succeeded --dry-run",
		"close 417",
		"close 411",
		"resubmit 409 --state failed --profile hevc",
		"resubmit 411 --dry-run",
		"account set default --target 40",
		"account set default --target auto",
		"account set nothing --target 4",
	} {
		args, stdin, _ := strings.Cut(line, " < ")
		got := command{stdin: stdin}.run(t.Context(), append(words(args), "--server", address)...)
		told.WriteString("$ stoker " + strings.ReplaceAll(line, "\n", `\n`) + "\n" + got.stdout + section("stderr", got.stderr))
		if got.code != exitOK {
			told.WriteString("exit code " + string(rune('0'+got.code)) + "\n")
		}
	}
	golden.Check(t, "verbs", told.String())
}

func TestVerbRequests(t *testing.T) {
	failed := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}
	team := &stokerv1.BatchSelection{Labels: map[string]string{"team": "vod"}}
	for _, tt := range []struct {
		args  string
		stdin string
		want  proto.Message
	}{
		{args: "cancel 411 --yes --reason late", want: &stokerv1.CancelBatchRequest{BatchId: id(411), Reason: "late"}},
		{args: "cancel 411 412 --yes", want: &stokerv1.CancelBatchesRequest{Selection: &stokerv1.BatchSelection{BatchIds: []string{id(411), id(412)}}}},
		{args: "cancel -l team=vod --yes", want: &stokerv1.CancelBatchesRequest{Selection: team}},
		{args: "cancel --account a --account b --yes", want: &stokerv1.CancelBatchesRequest{Selection: &stokerv1.BatchSelection{Accounts: []string{"a", "b"}}}},
		{args: "cancel --all --yes", want: &stokerv1.CancelBatchesRequest{Selection: &stokerv1.BatchSelection{All: true}}},
		{args: "cancel 411/29 --reason late", want: &stokerv1.CancelJobRequest{JobId: id(411) + "/29", Reason: "late"}},
		{args: "cancel 411/29 --dry-run", want: &stokerv1.CancelJobsRequest{JobIds: []string{id(411) + "/29"}, ValidateOnly: true}},
		{
			args: "cancel 411 --state failed,waiting --yes", want: nil, // not a state that can be cancelled
		},
		{
			args: "cancel 411 --cause 5f --category x --key-prefix k --yes",
			want: &stokerv1.CancelJobsRequest{BatchId: id(411), Causes: []string{"5f"}, Categories: []string{"x"}, KeyPrefix: "k"},
		},
		{
			args: "cancel -l team=vod --state waiting --yes",
			want: &stokerv1.CancelJobsRequest{Labels: map[string]string{"team": "vod"}, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_WAITING}},
		},
		{args: "cancel - --yes", stdin: "411/29\n411/30\n", want: &stokerv1.CancelJobsRequest{JobIds: []string{"411/29", "411/30"}}},
		{args: "cancel - --yes", stdin: "411/films/sintel\n411/17\n", want: &stokerv1.CancelJobsRequest{JobIds: []string{id(411) + "/29", "411/17"}}},
		{args: "retry 411/28", want: &stokerv1.RetryJobsRequest{JobIds: []string{id(411) + "/28"}}},
		{args: "retry 411 --state failed --yes", want: &stokerv1.RetryJobsRequest{BatchId: id(411), States: failed}},
		{args: "retry --all --cause x --yes", want: &stokerv1.RetryJobsRequest{All: true, Causes: []string{"x"}}},
		{args: "pause 411 --reason why", want: &stokerv1.PauseBatchRequest{BatchId: id(411), Reason: "why"}},
		{args: "pause -l team=vod --yes", want: &stokerv1.PauseBatchesRequest{Selection: team}},
		{args: "resume --all --yes", want: &stokerv1.ResumeBatchesRequest{Selection: &stokerv1.BatchSelection{All: true}}},
		{args: "pause --account a --reason why", want: &stokerv1.PauseAccountRequest{AccountId: "a", Reason: "why"}},
		{args: "pause --all-accounts --yes", want: &stokerv1.PauseAccountRequest{All: true}},
		{args: "resume 408", want: &stokerv1.ResumeBatchRequest{BatchId: id(408)}},
		{
			args: "update 411 --max-retries 0 --set-label a=b --remove-label team",
			want: &stokerv1.UpdateBatchRequest{
				Batch: &stokerv1.Batch{
					Id: id(411), DisplayName: "night run 411", Priority: 50, Labels: map[string]string{"run": "nightly", "team": "vod"},
					RetryPolicy: &stokerv1.RetryPolicy{MaxRetries: new(int32(0)), InitialBackoff: durationpb.New(10e9), MaxBackoff: durationpb.New(600e9)},
				},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"retry_policy"}}, SetLabels: map[string]string{"a": "b"}, RemoveLabels: []string{"team"},
			},
		},
		{
			args: "update -l team=vod --priority 0 --failure-limit 20 --yes",
			want: &stokerv1.UpdateBatchesRequest{
				Selection: team, Batch: &stokerv1.Batch{FailureLimit: &stokerv1.FailureLimit{Count: 20}},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority", "failure_limit"}},
			},
		},
		{args: "delete 401 --yes", want: nil}, // the name of another batch too
		{args: "delete 409 --yes", want: &stokerv1.DeleteBatchRequest{BatchId: id(409)}},
		{args: "delete --all --state cancelled --dry-run", want: &stokerv1.DeleteBatchesRequest{
			Selection: &stokerv1.BatchSelection{States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_CANCELLED}}, ValidateOnly: true,
		}},
		{args: "close @last", want: &stokerv1.CloseBatchRequest{BatchId: id(417)}},
		{
			args: "resubmit 411 --cause x --template per-title --priority 9 --set-label a=b --name again --output o --account acc --request-id once",
			want: &stokerv1.ResubmitBatchRequest{
				BatchId: id(411), Causes: []string{"x"}, EncodeWith: &stokerv1.ResubmitBatchRequest_Template{Template: "per-title"}, Priority: new(int32(9)),
				SetLabels: map[string]string{"a": "b"}, DisplayName: "again", Output: "o", Account: "acc", RequestId: "once",
			},
		},
		{args: "add 417 -", stdin: "input_path\nin/a.mov\n", want: &stokerv1.AddJobsRequest{BatchId: id(417), Jobs: []*stokerv1.JobSpec{{Key: "in/a", InputPath: "in/a.mov"}}}},
		{args: "add 411 -", stdin: "input_path\nin/a.mov\n", want: nil}, // it is closed
		{
			args: "account set default --target default",
			want: &stokerv1.UpdateAccountRequest{
				Account:    &stokerv1.Account{Id: "default", QueueTargetSetting: &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_DEFAULT}},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"queue_target_setting"}},
			},
		},
	} {
		t.Run(tt.args, func(t *testing.T) {
			table := newTable()
			got := command{stdin: tt.stdin}.run(t.Context(), append(words(tt.args), "--server", table.start(t))...)
			if tt.want == nil {
				if got.code != exitUsage || len(table.asked) > 0 {
					t.Errorf("exit code %d, and the server was asked: %v", got.code, table.asked)
				}
				return
			}
			if got.code != exitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			if diff := cmp.Diff(tt.want, table.last(t), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// A list longer than one call takes is sent in several, and counted as one.
func TestLongListOnStandardInput(t *testing.T) {
	table := newTable()
	var list strings.Builder
	const count = 2*maxNames + 1
	for i := range count {
		fmt.Fprintf(&list, "411/%d\n", i+1)
	}
	list.WriteString("411/1\n") // again
	got := command{stdin: list.String()}.run(t.Context(), "retry", "-", "--yes", "--server", table.start(t))
	sent := 0
	for _, m := range table.asked {
		if r, ok := m.(*stokerv1.RetryJobsRequest); ok && !r.GetValidateOnly() {
			sent += len(r.GetJobIds())
			if len(r.GetJobIds()) > maxNames {
				t.Errorf("a call names %d jobs", len(r.GetJobIds()))
			}
		}
	}
	if got.code != exitOK || sent != count {
		t.Errorf("%+v; sent %d of %d names", got, sent, count)
	}
}

func TestMistakesInVerbs(t *testing.T) {
	address := newTable().start(t)
	for args, want := range map[string]string{
		"cancel":                                      "name a batch or a job, or select batches with --label, --account or --all",
		"cancel 411 --all":                            "but not both",
		"cancel --all --label a=b":                    "--all and --label cannot be used together",
		"cancel --label a":                            "--label a: want key=value",
		"cancel - 411":                                "stands alone",
		"cancel 411/17 --state waiting":               "411/17 is a job: the flags choose among the jobs of a batch",
		"cancel 411 --yes --dry-run":                  "--dry-run and --yes cannot be used together",
		"retry 411 --state running":                   "want one of failed, cancelled",
		"retry --label a=b --watch":                   "--watch is for one batch",
		"pause":                                       "name a batch",
		"pause 411 --account a":                       "name batches, one account with --account, or all with --all-accounts",
		"pause --account a --all-accounts":            "name batches, one account",
		"update 411":                                  "say what to change",
		"update 411 --priority x":                     "want a number",
		"update 411 412 --name x":                     "--name is for one batch",
		"update --all --name x --yes":                 "--name is for one batch",
		"update 411 --failure-limit 2x":               "--failure-limit 2x: want a number of jobs, such as 20",
		"update 411 --failure-limit 101%":             "want a number of jobs",
		"update 411 --failure-limit -1":               "want a number of jobs",
		"update 411 --set-label a":                    "--set-label a: want key=value",
		"update 411 --set-label a=b --remove-label a": "--remove-label a: want the name of a label that is not set as well",
		"delete 411 --state failed --yes":             "411 night run 411 is active",
		"delete 408 --yes":                            "408 archive 7 is paused: only a batch that has ended can be deleted",
		"close":                                       "name a batch: stoker close BATCH",
		"add 417":                                     "name one batch, and one file",
		"account set default":                         "say what to change",
		"account set default --target 0":              "--target 0: want 1 to 1000, auto, or default",
		"account set default --target manual":         "want 1 to 1000, auto, or default",
		"account set":                                 "want one argument",
		"resubmit 411 --profile a --template b":       "cannot be used together",
	} {
		got := command{}.run(t.Context(), append(words(args), "--server", address)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit code %d, %q; want %q", args, got.code, got.stderr, want)
		}
	}
}
