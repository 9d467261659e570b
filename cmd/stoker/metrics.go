package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stokerd/stoker/job"
)

// metrics answers Prometheus: how every account stands, and the process itself.
func metrics(statuses func() []job.AccountStatus) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		accountCollector{statuses},
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// accountCollector reads the accounts whenever it is asked: nothing is counted twice.
type accountCollector struct{ statuses func() []job.AccountStatus }

// gauge is one figure of an account.
type gauge struct {
	desc  *prometheus.Desc
	value func(job.AccountStatus) float64
}

func accountGauge(name, help string, value func(job.AccountStatus) float64) gauge {
	return gauge{prometheus.NewDesc("stoker_account_"+name, help, []string{"account"}, nil), value}
}

// accountGauges are the figures of an account.
var accountGauges = []gauge{
	accountGauge("queue_target", "Encodings to keep queued.", func(s job.AccountStatus) float64 { return float64(s.QueueTarget) }),
	accountGauge("effective_queue_target", "What the platform has been seen to accept.", func(s job.AccountStatus) float64 { return float64(s.EffectiveTarget) }),
	accountGauge("platform_queued", "Encodings queued at the platform, everybody's; -1 if not known.", func(s job.AccountStatus) float64 { return float64(s.Queued) }),
	accountGauge("platform_queued_time_seconds", "When the platform's queue was counted last, in Unix time; 0 if it has not been.", func(s job.AccountStatus) float64 { return unix(s.QueuedTime) }),
	accountGauge("queued", "Jobs queued at the platform.", func(s job.AccountStatus) float64 { return float64(s.OwnQueued) }),
	accountGauge("running", "Jobs being encoded.", func(s job.AccountStatus) float64 { return float64(s.OwnRunning) }),
	accountGauge("starting", "Jobs whose start is not answered yet.", func(s job.AccountStatus) float64 { return float64(s.Starting) }),
	accountGauge("cancelling", "Jobs being cancelled.", func(s job.AccountStatus) float64 { return float64(s.Cancelling) }),
	accountGauge("prepared", "Jobs configured ahead.", func(s job.AccountStatus) float64 { return float64(s.Prepared) }),
	accountGauge("paused", "1 if somebody paused the account.", func(s job.AccountStatus) float64 { return indicator(s.Paused) }),
}

var (
	breakerDesc = prometheus.NewDesc("stoker_account_breaker_open",
		"1 if the platform cannot be used; the reason says why.", []string{"account", "reason"}, nil)
	problemDesc = prometheus.NewDesc("stoker_account_problem",
		"1 if jobs cannot be configured although the platform answers; the reason says why.", []string{"account", "reason"}, nil)
	waitDesc = prometheus.NewDesc("stoker_account_wait",
		"1 with the reason why no job is started right now, as a code of the contract; absent if one is about to be.", []string{"account", "code"}, nil)
	budgetDesc = prometheus.NewDesc("stoker_account_calls_available",
		"Calls of an endpoint class that could be made at once.", []string{"account", "class"}, nil)
	limitDesc = prometheus.NewDesc("stoker_account_calls_limit",
		"Calls of an endpoint class that the platform takes in a minute.", []string{"account", "class"}, nil)
	pausedDesc = prometheus.NewDesc("stoker_account_calls_paused",
		"1 if no call of an endpoint class is made for now: the platform said so, or others use the key up.", []string{"account", "class"}, nil)
)

// Describe names every figure.
func (accountCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range accountGauges {
		ch <- g.desc
	}
	ch <- breakerDesc
	ch <- problemDesc
	ch <- waitDesc
	ch <- budgetDesc
	ch <- limitDesc
	ch <- pausedDesc
}

// Collect reads every figure.
func (c accountCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, s := range c.statuses() {
		for _, g := range accountGauges {
			send(g.desc, g.value(s), s.ID)
		}
		send(breakerDesc, indicator(s.Breaker != job.BreakerClosed), s.ID, lasting(s.BreakerReason))
		send(problemDesc, indicator(s.Problem != ""), s.ID, lasting(s.Problem))
		if w := s.Wait(time.Now()); w.Code != "" {
			send(waitDesc, 1, s.ID, string(w.Code))
		}
		for _, b := range s.Budgets {
			send(budgetDesc, float64(b.Available), s.ID, b.Class)
			send(limitDesc, float64(b.LimitPerMinute), s.ID, b.Class)
			send(pausedDesc, indicator(!b.PausedUntil.IsZero()), s.ID, b.Class)
		}
	}
}

// lasting is a reason without the id of the request that met it: one series for each
// reason, not for each probe.
func lasting(reason string) string {
	before, _, _ := strings.Cut(reason, " (request ")
	return before
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func indicator(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
