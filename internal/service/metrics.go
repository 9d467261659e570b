package service

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stokerd/stoker/job"
)

// metricsHandler serves metrics of every account, of the process, and those of more, in Prometheus' format.
func metricsHandler(statuses func() []job.AccountStatus, more ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		accountCollector{statuses},
	)
	registry.MustRegister(more...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// networkMetrics are the metrics of what callers were refused and, with TLS, of the certificate.
func (s *Service) networkMetrics() []prometheus.Collector {
	all := []prometheus.Collector{
		refusalCollector{s.server.RefusedByLimit},
		notificationCollector{s.notifier.table, s.notifier.Counts},
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "stoker_connections_refused_total", Help: "Connections that were closed at once because there were too many.",
		}, func() float64 { return float64(s.connectionsRefused.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "stoker_callers_refused_total", Help: "Calls without a valid proof of who calls.",
		}, func() float64 { return float64(s.server.RefusedCallers()) }),
	}
	if c := s.certificates; c != nil {
		all = append(all,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "stoker_tls_certificate_not_after_seconds", Help: "When the certificate in use expires, in Unix time.",
			}, func() float64 { return unix(c.NotAfter()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "stoker_tls_reload_failed", Help: "1 while the files of the certificates have changed and cannot be used, so that the old ones stay in use.",
			}, func() float64 { return indicator(c.Failed()) }))
	}
	return all
}

var refusedDesc = prometheus.NewDesc("stoker_calls_refused_total", "Calls that a limit has refused, by limit.", []string{"limit"}, nil)

// refusalCollector reads how many calls each limit has refused.
type refusalCollector struct{ counts func() map[string]int64 }

// Describe sends the description of the metric.
func (refusalCollector) Describe(ch chan<- *prometheus.Desc) { ch <- refusedDesc }

// Collect sends the count of each limit that has refused a call.
func (c refusalCollector) Collect(ch chan<- prometheus.Metric) {
	for limit, n := range c.counts() {
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n), limit)
	}
}

// accountCollector reads the status of every account at each scrape. It stores nothing.
type accountCollector struct{ statuses func() []job.AccountStatus }

// gauge is one metric of an account, and how to read it from the account's status.
type gauge struct {
	desc  *prometheus.Desc
	value func(job.AccountStatus) float64
}

func accountGauge(name, help string, value func(job.AccountStatus) float64) gauge {
	return gauge{prometheus.NewDesc("stoker_account_"+name, help, []string{"account"}, nil), value}
}

// accountGauges are the metrics of an account that have no label but the account. The text of a problem
// is not made a label: Prometheus keeps a series for every value of a label, and the number of different
// texts has no bound.
var accountGauges = []gauge{
	accountGauge("queue_target", "Encodings to keep queued at the platform.", func(s job.AccountStatus) float64 { return float64(s.QueueTarget) }),
	accountGauge("effective_queue_target", "The queue target, or less if the platform was seen to accept less.", func(s job.AccountStatus) float64 { return float64(s.EffectiveQueueTarget) }),
	accountGauge("advised_queue_target", "The queue target that auto would choose, if the present one is too small to keep the encoders busy; 0 otherwise.", func(s job.AccountStatus) float64 { return float64(s.TargetAdvice.AutomaticTarget) }),
	accountGauge("platform_queued", "Encodings queued at the platform by all users of the account; -1 if not known.", func(s job.AccountStatus) float64 { return float64(s.PlatformQueuedCount) }),
	accountGauge("platform_queued_time_seconds", "When the platform's queue was counted last, in Unix time; 0 if it has not been.", func(s job.AccountStatus) float64 { return unix(s.PlatformQueuedTime) }),
	accountGauge("queued", "Jobs of this service queued at the platform.", func(s job.AccountStatus) float64 { return float64(s.QueuedCount) }),
	accountGauge("running", "Jobs that an encoder is working on.", func(s job.AccountStatus) float64 { return float64(s.RunningCount) }),
	accountGauge("starting", "Jobs whose start the platform has not answered yet.", func(s job.AccountStatus) float64 { return float64(s.StartingCount) }),
	accountGauge("cancelling", "Jobs being cancelled.", func(s job.AccountStatus) float64 { return float64(s.CancellingCount) }),
	accountGauge("prepared", "Waiting jobs that are configured at the platform already.", func(s job.AccountStatus) float64 { return float64(s.PreparedCount) }),
	accountGauge("comparing", "1 while the platform is compared with the job table, after the service has started.", func(s job.AccountStatus) float64 { return indicator(!s.Listing.ComparingSince.IsZero()) }),
	accountGauge("other_instances", "Other Stokers seen at work with the same API key within the last hour.", func(s job.AccountStatus) float64 { return float64(len(s.OtherInstances)) }),
	accountGauge("starts_today", "Starts of encodings on this day (UTC) that count towards max_starts_per_day; 0 without such a limit.", func(s job.AccountStatus) float64 { return float64(s.StartsTodayCount) }),
	accountGauge("max_starts_per_day", "Starts after which the account pauses for the day; 0 without such a limit.", func(s job.AccountStatus) float64 { return float64(s.MaxStartsPerDay) }),
	accountGauge("paused", "1 if somebody paused the account, or max_starts_per_day is reached.", func(s job.AccountStatus) float64 { return indicator(s.Paused) }),
	accountGauge("breaker_open", "1 if the platform cannot be used; the account's breaker says why.", func(s job.AccountStatus) float64 { return indicator(s.Breaker != job.BreakerClosed) }),
	accountGauge("problem", "1 if jobs cannot be configured although the platform answers; the account's problem says why.", func(s job.AccountStatus) float64 { return indicator(s.Problem != "") }),
}

var (
	waitDesc = prometheus.NewDesc("stoker_account_wait",
		"1 with the reason why no job is started right now, as a wait code of the API; absent if a job is about to be started.", []string{"account", "code"}, nil)
	listingDesc = prometheus.NewDesc("stoker_account_listing",
		"1 for the way in which encodings are listed: SEARCH, CREATION_TIME or WALK, from fast to slow; 0 for the others.", []string{"account", "way"}, nil)
	parameterDesc = prometheus.NewDesc("stoker_account_faulty_parameter",
		"1 if a query parameter of the platform's lists is REFUSED, UNANSWERED, IGNORED, or MISSES encodings.", []string{"account", "parameter", "fault"}, nil)
	budgetDesc = prometheus.NewDesc("stoker_account_calls_available",
		"Calls of an endpoint class that can be made right now.", []string{"account", "class"}, nil)
	limitDesc = prometheus.NewDesc("stoker_account_calls_limit",
		"Calls of an endpoint class that the platform allows per minute.", []string{"account", "class"}, nil)
	unknownDesc = prometheus.NewDesc("stoker_unknown_platform_values_total",
		"How often the platform used a value that this version does not know, by kind (status, error_code, field, ...).", []string{"account", "kind"}, nil)
	repeatsDesc = prometheus.NewDesc("stoker_platform_repeats_total",
		"Calls to the platform that were repeated because their answer left the result open, by kind of call.", []string{"account", "call"}, nil)
	pausedDesc = prometheus.NewDesc("stoker_account_calls_paused",
		"1 if calls of an endpoint class are paused: the platform asked for it, or other users of the key use up its limit.", []string{"account", "class"}, nil)
)

// Describe sends the description of every metric of an account.
func (accountCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range accountGauges {
		ch <- g.desc
	}
	ch <- waitDesc
	ch <- listingDesc
	ch <- parameterDesc
	ch <- budgetDesc
	ch <- limitDesc
	ch <- pausedDesc
	ch <- unknownDesc
	ch <- repeatsDesc
}

// Collect reads every account's status and sends the values of its metrics.
func (c accountCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, s := range c.statuses() {
		for _, g := range accountGauges {
			send(g.desc, g.value(s), s.ID)
		}
		for kind, n := range s.UnknownValueCounts {
			ch <- prometheus.MustNewConstMetric(unknownDesc, prometheus.CounterValue, float64(n), s.ID, kind)
		}
		for call, n := range s.Repeats {
			ch <- prometheus.MustNewConstMetric(repeatsDesc, prometheus.CounterValue, float64(n), s.ID, call)
		}
		if w := s.ExplainWait(time.Now()); w.Code != "" {
			send(waitDesc, 1, s.ID, string(w.Code))
		}
		for _, way := range []job.ListingWay{job.ListBySearch, job.ListByTime, job.ListByWalk} {
			send(listingDesc, indicator(s.Listing.Way == way), s.ID, string(way))
		}
		for _, p := range s.Listing.FaultyParameters {
			send(parameterDesc, 1, s.ID, p.Name, string(p.Fault))
		}
		for _, b := range s.Budgets {
			send(budgetDesc, float64(b.Available), s.ID, b.Class)
			send(limitDesc, float64(b.LimitPerMinute), s.ID, b.Class)
			send(pausedDesc, indicator(!b.PausedUntil.IsZero()), s.ID, b.Class)
		}
	}
}

// unix is a time in Unix seconds; 0 if it is not set.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// indicator is 1 for true and 0 for false.
func indicator(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
