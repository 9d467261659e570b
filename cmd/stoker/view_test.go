package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func message(b *stokerv1.Batch, jobs ...*stokerv1.Job) *stokerv1.WatchBatchResponse {
	return &stokerv1.WatchBatchResponse{Batch: b, Jobs: jobs}
}

func withCounts(state stokerv1.BatchState, n *stokerv1.JobCounts) *stokerv1.Batch {
	return &stokerv1.Batch{Id: batchID, State: state, JobCount: 9, Counts: n}
}

func TestViewReportsEachFailedAttemptOnce(t *testing.T) {
	v, now := newView(), time.Now()
	failed, running, waiting, succeeded := someJobs()[0], someJobs()[1], someJobs()[2], someJobs()[3]
	first := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: sampleBatch(), Jobs: someJobs()}
	ids := func(jobs []*stokerv1.Job) (ids []string) {
		for _, j := range jobs {
			ids = append(ids, j.GetId())
		}
		return ids
	}
	want := []string{failed.GetId(), waiting.GetId()}
	if diff := cmp.Diff(want, ids(v.apply(first, now))); diff != "" {
		t.Errorf("failures of the snapshot (-want +got):\n%s", diff)
	}
	if got := v.apply(first, now); len(got) > 0 {
		t.Errorf("failures of the same snapshot again: %v, want none", ids(got))
	}
	if diff := cmp.Diff([]string{running.GetId()}, ids(v.runningJobs())); diff != "" {
		t.Errorf("running (-want +got):\n%s", diff)
	}
	waiting.Attempt = 2
	if diff := cmp.Diff([]string{waiting.GetId()}, ids(v.apply(message(nil, waiting), now))); diff != "" {
		t.Errorf("failures of the next attempt (-want +got):\n%s", diff)
	}
	succeeded.Id, running.State = waiting.GetId(), stokerv1.JobState_JOB_STATE_QUEUED
	v.apply(message(nil, succeeded, running), now)
	if diff := cmp.Diff([]string{failed.GetId()}, ids(v.failures)); diff != "" {
		t.Errorf("failures after one job made it (-want +got):\n%s", diff)
	}
	if got := v.runningJobs(); len(got) > 0 {
		t.Errorf("running: %v, want none", ids(got))
	}
}

func TestPace(t *testing.T) {
	var p pace
	start := time.Now()
	if _, ok := p.perMinute(start); ok {
		t.Error("a pace without points tells a rate")
	}
	for second := range 120 { // one job per second, then one per two seconds
		p.add(start.Add(time.Duration(second)*time.Second), int64(second))
	}
	if got, ok := p.perMinute(start.Add(119 * time.Second)); !ok || got < 59 || got > 61 {
		t.Errorf("perMinute = %v, %v, want about 60", got, ok)
	}
	if n := len(p.points); n > 62 {
		t.Errorf("%d points are kept for a window of 60 s", n)
	}
	if got, ok := p.perMinute(start.Add(179 * time.Second)); !ok || got > 31 {
		t.Errorf("perMinute after a minute of nothing = %v, %v, want about 30", got, ok)
	}
}

func TestLinesAreAtMostOnePerSecond(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := newLines(&out)
		active := stokerv1.BatchState_BATCH_STATE_ACTIVE
		for n := range int64(9) { // a change every 300 ms
			if err := l.show(message(withCounts(active, &stokerv1.JobCounts{Waiting: 9 - n, Succeeded: n}))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		end := withCounts(stokerv1.BatchState_BATCH_STATE_SUCCEEDED, &stokerv1.JobCounts{Succeeded: 9})
		if err := l.show(message(end)); err != nil {
			t.Fatal(err)
		}
		if err := l.show(message(end)); err != nil { // nothing new
			t.Fatal(err)
		}
		want := `ACTIVE: 0 of 9 jobs done, 9 waiting
ACTIVE: 4 of 9 jobs done, 5 waiting, 4 succeeded
ACTIVE: 8 of 9 jobs done, 1 waiting, 8 succeeded
SUCCEEDED: 9 of 9 jobs done, 9 succeeded
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestScreen(t *testing.T) {
	many := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: sampleBatch()}
	for i := range 30 {
		j := someJobs()[1]
		j.Id, j.Name, j.Progress, j.Attempt = batchID+"/"+itoa(i+1), "Title "+itoa(i+1), int32(i*3), 1
		many.Jobs = append(many.Jobs, j)
	}
	paused := sampleBatch()
	paused.State, paused.StateReason = stokerv1.BatchState_BATCH_STATE_PAUSED, "20 jobs failed, the failure limit is 20"
	end := ending(stokerv1.BatchState_BATCH_STATE_FAILED)
	for _, tt := range []struct {
		name          string
		messages      []*stokerv1.WatchBatchResponse
		width, height int
	}{
		{"screen-running", []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sampleBatch(), Jobs: someJobs()}}, 100, 30},
		{"screen-narrow", []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sampleBatch(), Jobs: someJobs()}}, 44, 30},
		{"screen-many", []*stokerv1.WatchBatchResponse{many}, 80, 12},
		{"screen-many-failed", []*stokerv1.WatchBatchResponse{many, {Batch: sampleBatch(), Jobs: failing(5)}}, 80, 16},
		{"screen-low", []*stokerv1.WatchBatchResponse{many, {Batch: sampleBatch(), Jobs: failing(5)}}, 80, 8},
		{"screen-paused", []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: paused}}, 80, 24},
		{"screen-ended", end, 80, 24},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, now := newView(), at(2*minute).AsTime()
			for _, m := range tt.messages {
				v.apply(m, now)
			}
			picture := plainText(draw(v, tt.width, tt.height, now))
			golden(t, tt.name, picture)
			lines := strings.Split(picture, "\n") // the last one is empty, and takes room as well
			if len(lines) > tt.height {
				t.Errorf("%d lines on a screen of %d", len(lines), tt.height)
			}
			for _, line := range lines {
				if n := len([]rune(line)); n > tt.width {
					t.Errorf("a line of %d on a screen of %d: %s", n, tt.width, line)
				}
			}
		})
	}
}

// failing are jobs that have failed an attempt.
func failing(n int) []*stokerv1.Job {
	var jobs []*stokerv1.Job
	for i := range n {
		j := someJobs()[2]
		j.Id, j.Name = batchID+"/"+itoa(100+i), "Failing "+itoa(i+1)
		jobs = append(jobs, j)
	}
	return jobs
}

func TestScreenTellsThatTheServerIsSilent(t *testing.T) {
	v, now := newView(), at(2*minute).AsTime()
	v.apply(&stokerv1.WatchBatchResponse{Snapshot: true, Batch: sampleBatch()}, now)
	const want = "nothing heard from the server for 30s"
	for seconds, silent := range map[int]bool{15: false, 30: true} {
		if picture := plainText(draw(v, 80, 24, now.Add(time.Duration(seconds)*time.Second))); strings.Contains(picture, want) != silent {
			t.Errorf("after %d s:\n%s", seconds, picture)
		}
	}
	v.apply(&stokerv1.WatchBatchResponse{Heartbeat: true}, now.Add(25*time.Second))
	if picture := plainText(draw(v, 80, 24, now.Add(30*time.Second))); strings.Contains(picture, "nothing heard") {
		t.Errorf("after a heartbeat:\n%s", picture)
	}
}

// Names and reasons are other people's: what a terminal obeys, or breaks a line, is not passed on.
func TestWhatATerminalObeysIsLeftOut(t *testing.T) {
	const evil = "red\x1b[31m\u009b2J\nnext\r\a"
	b := sampleBatch()
	b.DisplayName, b.State, b.StateReason = evil, stokerv1.BatchState_BATCH_STATE_PAUSED, evil
	j := someJobs()[0]
	j.Name, j.Failure.Category, j.Failure.Text = evil, evil, evil
	m := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: b, Jobs: []*stokerv1.Job{j}}
	var log, come strings.Builder
	v := newView()
	v.apply(m, at(0).AsTime())
	if err := errors.Join(newLines(&log).show(m), newArrivals(&come).show(m)); err != nil {
		t.Fatal(err)
	}
	list := table{header: []string{"A"}, rows: [][]string{{evil}}}
	for name, text := range map[string]string{
		"screen": plainText(draw(v, 200, 24, at(0).AsTime())), "log": log.String(), "arrivals": come.String(),
		"aligned": list.aligned(), "tabbed": list.tabbed(), "job": describeJob(&stokerv1.GetJobResponse{Job: j}),
	} {
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) || strings.Contains(text, "\nnext") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// plainText is a picture without its colours.
func plainText(s string) string {
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(s, "")
}

func TestKeysLeaveTheWatch(t *testing.T) {
	for _, key := range []tea.KeyPressMsg{{Code: 'c', Mod: tea.ModCtrl}, {Code: tea.KeyEscape}, {Code: 'q', Text: "q"}} {
		left := false
		p := &picture{view: newView(), leave: func() { left = true }}
		if p.Update(tea.KeyPressMsg{Code: 'x', Text: "x"}); left {
			t.Error("x leaves the watch")
		}
		if p.Update(key); !left {
			t.Errorf("%s does not leave the watch", key)
		}
	}
}

func TestRounded(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                          "0s",
		1400 * time.Millisecond:               "1s",
		2*time.Minute + 3400*time.Millisecond: "2m3s",
		3*time.Hour + 29*time.Second:          "3h0m",
	} {
		if got := rounded(d); got != want {
			t.Errorf("rounded(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestAccountState(t *testing.T) {
	now := at(0).AsTime()
	waits := func(code stokerv1.WaitCode, words string, until *timestamppb.Timestamp) *stokerv1.Account {
		return &stokerv1.Account{Wait: &stokerv1.Wait{Code: code, Until: until}, WaitReason: words}
	}
	for _, tt := range []struct {
		account *stokerv1.Account
		want    string
	}{
		{&stokerv1.Account{}, "working"},
		{waits(stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL, "3 of 3", nil), "working"},
		{waits(stokerv1.WaitCode_WAIT_CODE_IDLE, "nothing to do", nil), "working"},
		{waits(stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, "account default is paused", nil), "account default is paused"},
		{waits(stokerv1.WaitCode_WAIT_CODE_BREAKER, "no API key", at(12)), "no API key; next try in 12s"},
		{waits(stokerv1.WaitCode_WAIT_CODE_BREAKER, "no API key", at(-1)), "no API key"},
		{waits(stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, "the queue is full", at(1)), "the queue is full; next try in 1s"},
		{waits(stokerv1.WaitCode_WAIT_CODE_STORAGE, "no such bucket", nil), "no such bucket"},
		{&stokerv1.Account{Webhooks: &stokerv1.Webhooks{UsedCount: 7}}, "working"},
		{&stokerv1.Account{Webhooks: &stokerv1.Webhooks{Problem: "muted"}}, "working, without webhooks: muted"},
		{&stokerv1.Account{Problem: "no such bucket"}, "working, with trouble: no such bucket"},
		{&stokerv1.Account{Listing: &stokerv1.Listing{Way: stokerv1.ListingWay_LISTING_WAY_SEARCH, ComparingSince: at(-5)}}, "working"},
		{&stokerv1.Account{Listing: &stokerv1.Listing{ComparingSince: at(-120)}}, "being compared with the job table for 2m0s"},
		{
			&stokerv1.Account{Listing: &stokerv1.Listing{ComparingSince: at(-5), ComparingProblem: "HTTP 400"}},
			"cannot be compared with the job table, jobs from before wait: HTTP 400",
		},
		{
			&stokerv1.Account{Listing: &stokerv1.Listing{
				Way: stokerv1.ListingWay_LISTING_WAY_WALK,
				FaultyParameters: []*stokerv1.ListParameter{
					{Name: "createdAtNewerThan", Fault: stokerv1.ParameterFault_PARAMETER_FAULT_IGNORED},
					{Name: "search", Fault: stokerv1.ParameterFault_PARAMETER_FAULT_REFUSED},
				},
			}},
			"working; finding encodings by walking the whole list, slower, because createdAtNewerThan is ignored and search is refused",
		},
		{
			&stokerv1.Account{OtherInstances: []*stokerv1.OtherInstance{{Id: "abcdefghij234567", LastSeenTime: at(-60)}}},
			"working; another Stoker uses the key: abcdefgh, seen 1m0s ago",
		},
	} {
		if got := accountState(tt.account, now); got != tt.want {
			t.Errorf("accountState(%v) = %q, want %q", tt.account, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	list := table{header: []string{"A", "LONG"}}
	list.row("Häxan", "x")
	list.row("七人の侍", "")
	want := "A         LONG\nHäxan     x\n七人の侍\n"
	if got := list.aligned(); got != want {
		t.Errorf("aligned:\n%s\nwant:\n%s", got, want)
	}
}

func TestETA(t *testing.T) {
	now := at(0).AsTime()
	for name, tt := range map[string]struct {
		batch *stokerv1.Batch
		want  string
	}{
		"unknown":     {&stokerv1.Batch{}, ""},
		"any moment":  {&stokerv1.Batch{EstimatedFinishTime: at(0)}, ""},
		"no range":    {&stokerv1.Batch{EstimatedFinishTime: at(90)}, "1m30s"},
		"a range":     {&stokerv1.Batch{EarliestFinishTime: at(70), EstimatedFinishTime: at(90), LatestFinishTime: at(120)}, "1m10s to 2m0s"},
		"no doubt":    {&stokerv1.Batch{EarliestFinishTime: at(90), EstimatedFinishTime: at(90), LatestFinishTime: at(90)}, "1m30s"},
		"it is over":  {&stokerv1.Batch{State: stokerv1.BatchState_BATCH_STATE_FAILED, EstimatedFinishTime: at(90)}, ""},
		"about to be": {&stokerv1.Batch{EarliestFinishTime: at(-5), EstimatedFinishTime: at(5), LatestFinishTime: at(9)}, "0s to 9s"},
	} {
		if got := (&view{batch: tt.batch}).eta(now); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
