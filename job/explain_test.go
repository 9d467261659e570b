package job_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stokerd/stoker/job"
)

var (
	noon  = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Minute)
	ago   = noon.Add(-time.Minute)
)

// scene is a situation that a test arranges: a batch of ten jobs with one in its line, on an
// account of which every place is taken.
type scene struct {
	batch   job.Batch
	account job.AccountStatus
	shares  []job.Share
	job     job.Job
	rank    int64
	nobody  bool // the account is not in the configuration
}

func newScene() *scene {
	return &scene{
		batch: job.Batch{ID: "b", Seq: 2, AccountID: "default", Priority: 50, State: job.BatchActive, StateTime: ago, Counts: job.Counts{Waiting: 10}},
		account: job.AccountStatus{
			ID: "default", QueueTarget: 3, EffectiveQueueTarget: 3, PlatformQueuedCount: 3, HeldCount: 3, InLineCount: 9, Breaker: job.BreakerClosed,
			Settle: 45 * time.Second,
		},
		shares: []job.Share{{Seq: 2, Priority: 50, Due: 10}},
		job:    job.Job{ID: job.ID{Batch: "b", Number: 5}, State: job.Waiting},
		rank:   4,
	}
}

func (s *scene) situation() job.WaitExplainer {
	at := job.WaitExplainer{Now: noon, Batch: &s.batch, Account: &s.account}
	if s.nobody {
		at.Account = nil
	}
	if place, ok := job.NewLine(s.shares).PlaceOf(s.batch.Seq); ok {
		at.Place = &place
	}
	return at
}

func spent(class string) func(*scene) {
	return func(s *scene) {
		s.account.Budgets = []job.Budget{{Class: "status"}, {Class: class, PausedUntil: later}}
	}
}

// Each reason of a job, with what belongs to it and its words.
func TestWaitOfAJob(t *testing.T) {
	note := func(n job.Note) func(*scene) {
		return func(s *scene) { s.account.Notes = map[job.ID]job.Note{s.job.ID: n} }
	}
	state := func(state job.State) func(*scene) { return func(s *scene) { s.job.State = state } }
	free := func(s *scene) { s.account.HeldCount = 1 }
	step := func(step job.Step) func(*scene) { return func(s *scene) { s.job.Step, s.job.StepTime = step, ago } }
	for _, tt := range []struct {
		name  string
		scene []func(*scene)
		want  job.Wait
		words string
	}{
		{
			"every place is taken", nil,
			job.Wait{Code: job.WaitQueueFull, Position: 5, Count: 3, Limit: 3},
			"waiting for a free place (3 of 3 queued); position 5",
		},
		{
			"places become free",
			[]func(*scene){func(s *scene) { s.account.DrainRate, s.rank = 2, 9 }},
			job.Wait{Code: job.WaitQueueFull, Position: 10, Count: 3, Limit: 3, Earliest: noon.Add(176 * time.Second)},
			"waiting for a free place (3 of 3 queued); position 10, not before 2026-03-14T12:02:56Z",
		},
		{
			"the first",
			[]func(*scene){func(s *scene) { s.rank, s.account.DrainRate = 0, 2 }},
			job.Wait{Code: job.WaitQueueFull, Position: 1, Count: 3, Limit: 3},
			"waiting for a free place (3 of 3 queued)",
		},
		{
			"there is room",
			[]func(*scene){free},
			job.Wait{Code: job.WaitInLine, Position: 5},
			"waiting for its turn: position 5",
		},
		{
			"others are more urgent",
			[]func(*scene){func(s *scene) { s.shares = append(s.shares, job.Share{Seq: 1, Priority: 90, Due: 1200}) }},
			job.Wait{Code: job.WaitPriority, Count: 1200, Position: 1205},
			"behind 1,200 jobs of higher priority; position 1,205",
		},
		{
			"the day has its starts",
			[]func(*scene){func(s *scene) {
				s.account.StartsTodayCount, s.account.MaxStartsPerDay, s.account.PausedUntil, s.account.Paused = 500, 500, later, true
			}},
			job.Wait{Code: job.WaitDailyLimit, Count: 500, Limit: 500, Until: later},
			"500 of 500 starts of the day have been made; the next may be made at 2026-03-14T12:01:00Z",
		},
		{
			"a principal has had its starts of the day",
			[]func(*scene){func(s *scene) {
				s.batch.CreatedBy, s.account.ExhaustedPrincipals = "token:ci", map[string]job.StartLimit{"token:ci": {Starts: 500, Until: later}}
			}},
			job.Wait{Code: job.WaitDailyLimit, Subject: "token:ci", Count: 500, Limit: 500, Until: later},
			"all 500 starts of the day for batches of token:ci have been made; the next may be made at 2026-03-14T12:01:00Z",
		},
		{
			"another principal has had its starts of the day",
			[]func(*scene){func(s *scene) {
				s.account.ExhaustedPrincipals = map[string]job.StartLimit{"token:ci": {Starts: 500, Until: later}}
			}},
			job.Wait{Code: job.WaitQueueFull, Position: 5, Count: 3, Limit: 3},
			"waiting for a free place (3 of 3 queued); position 5",
		},
		{
			"the day will have its starts",
			[]func(*scene){func(s *scene) {
				s.account.StartsTodayCount, s.account.MaxStartsPerDay = 497, 500
			}},
			job.Wait{Code: job.WaitQueueFull, Position: 5, Count: 3, Limit: 3, Earliest: noon.Add(12 * time.Hour)},
			"waiting for a free place (3 of 3 queued); position 5, not before 2026-03-15T00:00:00Z",
		},
		{
			"the platform is full",
			[]func(*scene){func(s *scene) { s.account.QueueFullUntil = later }},
			job.Wait{Code: job.WaitPlatformFull, Until: later, Position: 5},
			"the platform says that its queue is full; position 5",
		},
		{
			"nobody has counted",
			[]func(*scene){func(s *scene) { s.account.PlatformQueuedCount, s.rank = -1, 0 }},
			job.Wait{Code: job.WaitCounting, Position: 1},
			"the platform's queue has to be counted first",
		},
		{
			"nobody can count",
			[]func(*scene){func(s *scene) { s.account.Uncounted, s.account.HeldCount, s.rank = true, 2, 0 }, spent("encoding-list")},
			job.Wait{Code: job.WaitBudget, Subject: "encoding-list", Until: later, Position: 1},
			"the rate limit for calls of class encoding-list is used up until 2026-03-14T12:01:00Z",
		},
		{
			"nobody need count",
			[]func(*scene){func(s *scene) { s.account.Uncounted = true }, spent("encoding-list")},
			job.Wait{Code: job.WaitQueueFull, Position: 5, Count: 3, Limit: 3},
			"waiting for a free place (3 of 3 queued); position 5",
		},
		{
			"the places are taken by starts that cannot be sent",
			[]func(*scene){func(s *scene) { s.account.StartingCount = 3 }, spent("start")},
			job.Wait{Code: job.WaitBudget, Subject: "start", Until: later, Position: 5},
			"the rate limit for calls of class start is used up until 2026-03-14T12:01:00Z; position 5",
		},
		{
			"being configured",
			[]func(*scene){step(job.StepCreate)},
			job.Wait{Code: job.WaitConfiguring, Since: ago},
			"the encoding is being configured",
		},
		{
			"it cannot be configured",
			[]func(*scene){step(job.StepCreate), spent("subresource")},
			job.Wait{Code: job.WaitBudget, Subject: "subresource", Until: later},
			"the rate limit for calls of class subresource is used up until 2026-03-14T12:01:00Z",
		},
		{
			"it cannot be started",
			[]func(*scene){free, func(s *scene) { s.job.EncodingID = "e" }, spent("start")},
			job.Wait{Code: job.WaitBudget, Subject: "start", Until: later, Position: 5},
			"the rate limit for calls of class start is used up until 2026-03-14T12:01:00Z; position 5",
		},
		{
			"a template cannot be started",
			[]func(*scene){free, func(s *scene) { s.batch.Template = &job.Template{} }, spent("encoding-create")},
			job.Wait{Code: job.WaitBudget, Subject: "encoding-create", Until: later, Position: 5},
			"the rate limit for calls of class encoding-create is used up until 2026-03-14T12:01:00Z; position 5",
		},
		{
			"calls wait in line",
			[]func(*scene){free, func(s *scene) {
				s.account.Budgets = []job.Budget{{Class: "encoding-create", Waiting: 2, Next: later}}
			}},
			job.Wait{Code: job.WaitBudget, Subject: "encoding-create", Until: later, Position: 5},
			"the rate limit for calls of class encoding-create is used up until 2026-03-14T12:01:00Z; position 5",
		},
		{
			"a pause before the next attempt",
			[]func(*scene){func(s *scene) { s.job.Attempt, s.job.NextAttemptTime = 1, later }},
			job.Wait{Code: job.WaitBackoff, Attempt: 2, Until: later},
			"pause before attempt 2 until 2026-03-14T12:01:00Z",
		},
		{
			"which is over",
			[]func(*scene){func(s *scene) { s.job.Attempt, s.job.NextAttemptTime = 1, ago }},
			job.Wait{Code: job.WaitQueueFull, Position: 5, Count: 3, Limit: 3},
			"waiting for a free place (3 of 3 queued); position 5",
		},
		{
			"the batch is paused",
			[]func(*scene){func(s *scene) { s.batch.State, s.batch.StateReason = job.BatchPaused, "lunch" }},
			job.Wait{Code: job.WaitBatchPaused, Since: ago, Text: "lunch"},
			"the batch is paused: lunch",
		},
		{
			"the batch is being cancelled",
			[]func(*scene){func(s *scene) { s.batch.State = job.BatchCancelling }},
			job.Wait{Code: job.WaitStop, Since: ago},
			"cancelling was requested; the end is not confirmed yet",
		},
		{
			"the account is paused",
			[]func(*scene){func(s *scene) { s.account.Paused, s.account.PausedSince, s.account.PausedReason = true, ago, "budget" }},
			job.Wait{Code: job.WaitAccountPaused, Subject: "default", Since: ago, Text: "budget"},
			"account default is paused: budget",
		},
		{
			"the account is gone",
			[]func(*scene){func(s *scene) { s.nobody = true }},
			job.Wait{Code: job.WaitAccountMissing, Subject: "default"},
			`the server has no account "default" any more`,
		},
		{
			"the platform is out",
			[]func(*scene){func(s *scene) {
				s.account.Breaker, s.account.BreakerSince, s.account.NextProbeTime, s.account.BreakerReason = job.BreakerOpen, ago, later, "no key"
			}},
			job.Wait{Code: job.WaitBreaker, Since: ago, Until: later, Text: "no key"},
			"the platform cannot be used since 2026-03-14T11:59:00Z: no key",
		},
		{
			"the storage is refused",
			[]func(*scene){func(s *scene) {
				s.account.Problems = map[string]job.Problem{"b": {Text: "no bucket", Since: ago, Until: later, Refused: true}}
			}},
			job.Wait{Code: job.WaitStorage, Since: ago, Until: later, Text: "no bucket"},
			"waiting for the next try: no bucket",
		},
		{
			"calls of the batch fail",
			[]func(*scene){func(s *scene) {
				s.account.Problems = map[string]job.Problem{"a": {Text: "other"}, "b": {Text: "time-out", Until: later}}
			}},
			job.Wait{Code: job.WaitProblem, Until: later, Text: "time-out"},
			"waiting for the next try: time-out",
		},
		{
			"calls of the job fail",
			[]func(*scene){note(job.Note{Problem: job.Problem{Text: "HTTP 500", Until: later}})},
			job.Wait{Code: job.WaitProblem, Until: later, Text: "HTTP 500"},
			"waiting for the next try: HTTP 500",
		},
		{
			"the key is another organisation's",
			[]func(*scene){func(s *scene) {
				s.account.Organisation = job.Problem{Text: "another organisation?", Since: ago, Until: later}
			}},
			job.Wait{Code: job.WaitOrganisation, Since: ago, Until: later, Text: "another organisation?"},
			"another organisation?",
		},
		{
			"not compared yet",
			[]func(*scene){func(s *scene) { s.account.Listing.ComparingSince = ago }},
			job.Wait{Code: job.WaitReconciling, Since: ago},
			"the platform is compared with the job table first",
		},
		{
			"about to be started",
			[]func(*scene){note(job.Note{Starting: true, Since: ago})},
			job.Wait{Code: job.WaitStart, Since: ago},
			"the start is under way",
		},
		{
			"its start is under way",
			[]func(*scene){state(job.Starting), step(job.StepStart), note(job.Note{Starting: true})},
			job.Wait{Code: job.WaitStart, Since: ago},
			"the start is under way",
		},
		{
			"its start waits for the budget",
			[]func(*scene){state(job.Starting), step(job.StepStart), note(job.Note{Starting: true}), spent("start")},
			job.Wait{Code: job.WaitBudget, Subject: "start", Until: later},
			"the rate limit for calls of class start is used up until 2026-03-14T12:01:00Z",
		},
		{
			"its start was not answered",
			[]func(*scene){state(job.Starting), func(s *scene) { s.job.Step, s.job.StepTime = job.StepStart, noon }},
			job.Wait{Code: job.WaitUnknownStart, Since: noon, Until: noon.Add(45 * time.Second)},
			"a start was not answered; it is looked up until 2026-03-14T12:00:45Z before it is repeated",
		},
		{
			"long ago",
			[]func(*scene){state(job.Starting), step(job.StepStart)},
			job.Wait{Code: job.WaitUnknownStart, Since: ago},
			"a start was not answered; it is looked up before it is repeated",
		},
		{
			"queued at the platform",
			[]func(*scene){state(job.Queued), func(s *scene) { s.job.StartTime = ago }},
			job.Wait{Code: job.WaitEncoder, Since: ago},
			"queued at the platform since 2026-03-14T11:59:00Z, waiting for an encoder",
		},
		{
			"a status that nobody knows",
			[]func(*scene){state(job.Running), func(s *scene) { s.job.PlatformStatus, s.job.PlatformStatusTime = "NAPPING", ago }},
			job.Wait{Code: job.WaitUnknownStatus, Since: ago, Text: "NAPPING"},
			`the platform shows status "NAPPING", which is not known`,
		},
		{
			"the encoding is not shown",
			[]func(*scene){state(job.Queued), func(s *scene) {
				s.account.Waits = map[job.ID]job.Wait{s.job.ID: {Code: job.WaitMissing, Since: ago}}
			}},
			job.Wait{Code: job.WaitMissing, Since: ago},
			"the platform does not show its encoding since 2026-03-14T11:59:00Z",
		},
		{
			"being cancelled",
			[]func(*scene){state(job.Cancelling), func(s *scene) { s.job.UpdateTime = ago }},
			job.Wait{Code: job.WaitStop, Since: ago},
			"cancelling was requested; the end is not confirmed yet",
		},
		{
			"being cancelled before its start was answered",
			[]func(*scene){state(job.Cancelling), step(job.StepStart)},
			job.Wait{Code: job.WaitUnknownStart, Since: ago},
			"a start was not answered; it is looked up before it is repeated",
		},
		{"running", []func(*scene){state(job.Running)}, job.Wait{}, ""},
		{"succeeded", []func(*scene){state(job.Succeeded), func(s *scene) { s.nobody = true }}, job.Wait{}, ""},
		{"failed", []func(*scene){state(job.Failed)}, job.Wait{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene()
			for _, arrange := range tt.scene {
				arrange(s)
			}
			got := s.situation().JobWait(&s.job, s.rank)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wait (-want +got):\n%s", diff)
			}
			if got.String() != tt.words {
				t.Errorf("words\n%s, want\n%s", got, tt.words)
			}
		})
	}
}

// A batch has the reason of its first job; one that moves has none.
func TestWaitOfABatch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		scene func(*scene)
		first *job.Job
		want  job.Wait
		words string
	}{
		{"its first job waits", func(*scene) {}, nil, job.Wait{Code: job.WaitQueueFull, Position: 1, Count: 3, Limit: 3}, "waiting for a free place (3 of 3 queued)"},
		{
			"its first job is being configured", func(s *scene) { s.account.HeldCount = 0 }, &job.Job{State: job.Waiting, Step: job.StepCreate, StepTime: ago},
			job.Wait{Code: job.WaitConfiguring, Since: ago},
			"the encoding is being configured",
		},
		{
			"all of them pause", func(s *scene) { s.shares[0].Due, s.shares[0].NextDue = 0, later }, nil,
			job.Wait{Code: job.WaitBackoff, Attempt: 1, Until: later},
			"pause before attempt 1 until 2026-03-14T12:01:00Z",
		},
		{
			"it is being cancelled", func(s *scene) { s.batch.State = job.BatchCancelling }, nil,
			job.Wait{Code: job.WaitStop, Since: ago, Count: 10},
			"cancelling was requested; the end of 10 jobs is not confirmed yet",
		},
		{
			"it has no jobs", func(s *scene) {
				s.batch.State, s.batch.Counts, s.batch.UpdateTime = job.BatchOpen, job.Counts{Succeeded: 1}, ago
			}, nil,
			job.Wait{Code: job.WaitMoreJobs, Since: ago},
			"all jobs have ended; the batch is open for more",
		},
		{
			"all are queued", func(s *scene) { s.batch.Counts = job.Counts{Queued: 2} }, &job.Job{State: job.Queued, StartTime: ago},
			job.Wait{Code: job.WaitEncoder, Since: ago, Count: 2},
			"queued at the platform since 2026-03-14T11:59:00Z, waiting for an encoder",
		},
		{"it runs", func(s *scene) { s.batch.Counts = job.Counts{Queued: 2, Running: 1} }, nil, job.Wait{}, ""},
		{"it has ended", func(s *scene) { s.batch.State = job.BatchFailed }, nil, job.Wait{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene()
			tt.scene(s)
			got := s.situation().BatchWait(tt.first)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wait (-want +got):\n%s", diff)
			}
			if got.String() != tt.words {
				t.Errorf("words\n%s, want\n%s", got, tt.words)
			}
		})
	}
}

// An account that starts nothing says whether that is because there is nothing to do.
func TestWaitOfAnAccount(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*job.AccountStatus)
		want   job.WaitCode
		words  string
	}{
		{"full", func(*job.AccountStatus) {}, job.WaitQueueFull, "waiting for a free place (3 of 3 queued)"},
		{"nothing to do", func(a *job.AccountStatus) { a.InLineCount = 0 }, job.WaitIdle, "no job waits to be started"},
		{"nothing is due", func(a *job.AccountStatus) { a.InLineCount, a.NextDueTime = 0, later }, job.WaitBackoff, "jobs pause before their next attempt until 2026-03-14T12:01:00Z"},
		{"nothing can be used", func(a *job.AccountStatus) {
			a.InLineCount = 0
			a.Problems = map[string]job.Problem{"b": {Text: "no bucket", Until: later, Refused: true}}
		}, job.WaitStorage, "waiting for the next try: no bucket"},
		{"others can", func(a *job.AccountStatus) {
			a.HeldCount = 2
			a.Problems = map[string]job.Problem{"b": {Text: "no bucket", Until: later, Refused: true}}
		}, "", ""},
		{"configuring", func(a *job.AccountStatus) { a.HeldCount, a.PreparingCount = 2, 1 }, job.WaitConfiguring, "the encoding is being configured"},
		{"paused", func(a *job.AccountStatus) { a.Paused, a.InLineCount = true, 0 }, job.WaitAccountPaused, "account default is paused"},
		{"throttled", func(a *job.AccountStatus) {
			a.HeldCount, a.Budgets = 2, []job.Budget{{Class: "start", PausedUntil: later}}
		}, job.WaitBudget, "the rate limit for calls of class start is used up until 2026-03-14T12:01:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newScene().account
			tt.change(&a)
			if got := a.ExplainWait(noon); got.Code != tt.want || got.String() != tt.words {
				t.Errorf("%s: %s, want %s: %s", got.Code, got, tt.want, tt.words)
			}
		})
	}
}

// Every code has words, whatever else is known, and they are one line of bounded length.
func TestWaitWords(t *testing.T) {
	for _, code := range job.WaitCodes() {
		if got := (job.Wait{Code: code}).String(); got == "" || strings.ContainsAny(got, "\n%") {
			t.Errorf("%s in words: %q", code, got)
		}
	}
	s := newScene()
	s.batch.State, s.batch.StateReason = job.BatchPaused, strings.Repeat("öl\n", 10_000)
	got := s.situation().JobWait(&s.job, 0)
	if len(got.Text) > job.MaxWaitText || len(got.String()) > 1<<10 || strings.Contains(got.Text, "\n") {
		t.Errorf("a long reason is %d bytes, in words %d: %q", len(got.Text), len(got.String()), got.Text)
	}
}
