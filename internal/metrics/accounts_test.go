package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

// accountMetrics serves the metrics of accounts with the given statuses.
func accountMetrics(accounts ...string) func(statuses func() []job.AccountStatus) http.Handler {
	return func(statuses func() []job.AccountStatus) http.Handler {
		m := New(accounts)
		m.registry.MustRegister(accountCollector{m.accounts, statuses})
		return m.Handler()
	}
}

func TestMetrics(t *testing.T) {
	handler := accountMetrics("archive", "default")(func() []job.AccountStatus {
		return []job.AccountStatus{
			{ID: "archive", QueueTarget: 20, PlatformQueuedCount: 4, PlatformQueuedTime: time.Unix(1_800_000_000, 0), RunningCount: 7, Breaker: job.BreakerClosed, Problem: "output archive: HTTP 403", WaitingTime: time.Minute, DryTime: time.Second, Repeats: map[string]int64{"poll": 17}, UnknownValueCounts: map[string]int64{"status": 4}, Budgets: []job.Budget{
				{Class: "start", LimitPerMinute: 600, Available: 60}, {Class: "encoding-list", LimitPerMinute: 60, PausedUntil: time.Now()},
			}},
			{ID: "default", QueueTarget: 3, PlatformQueuedCount: -1, Breaker: job.BreakerOpen, BreakerReason: "GET /encoding/inputs: HTTP 401 (request 17)", Problem: "POST /encoding/encodings: HTTP 401", Paused: true},
		}
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`stoker_account_queue_target{account="archive"} 20`,
		`stoker_account_running{account="archive"} 7`,
		`stoker_account_calls_available{account="archive",class="start"} 60`,
		`stoker_account_calls_limit{account="archive",class="start"} 600`,
		`stoker_account_calls_paused{account="archive",class="start"} 0`,
		`stoker_account_calls_paused{account="archive",class="encoding-list"} 1`,
		`stoker_account_breaker_open{account="archive"} 0`,
		`stoker_account_breaker_open{account="default"} 1`,
		`stoker_account_problem{account="archive"} 1`,
		`stoker_account_problem{account="default"} 0`,
		`stoker_account_platform_queued{account="default"} -1`,
		`stoker_account_platform_queued_time_seconds{account="archive"} 1.8e+09`,
		`stoker_account_platform_queued_time_seconds{account="default"} 0`,
		`stoker_account_wait{account="archive",code="IDLE"} 1`,
		`stoker_account_wait{account="default",code="ACCOUNT_PAUSED"} 1`,
		`stoker_account_paused{account="default"} 1`,
		`stoker_unknown_platform_values_total{account="archive",kind="status"} 4`,
		`stoker_platform_repeats_total{account="archive",call="poll"} 17`,
		`stoker_account_waiting_seconds_total{account="archive"} 60`,
		`stoker_account_queue_dry_seconds_total{account="archive"} 1`,
		"process_resident_memory_bytes",
	} {
		if !strings.Contains(w.Body.String(), want+"\n") && !strings.Contains(w.Body.String(), want+" ") {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
}

// TestMetricsHoldNoTexts has the platform and people say things at length, and in no alphabet.
func TestMetricsHoldNoTexts(t *testing.T) {
	text := "wordy" + strings.Repeat("\xff\"\n{}", 1<<20)
	handler := accountMetrics("default")(func() []job.AccountStatus {
		return []job.AccountStatus{{
			ID: "default", Breaker: job.BreakerOpen, BreakerReason: text, Problem: text, Problems: map[string]job.Problem{text: {Text: text}},
			Paused: true, PausedReason: text, Webhooks: &job.Webhooks{Problem: text},
		}}
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != http.StatusOK || w.Body.Len() > 64<<10 || strings.Contains(w.Body.String(), "wordy") {
		t.Errorf("the answer is %d with %d bytes: %.200s", w.Code, w.Body.Len(), w.Body)
	}
}
