package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/job"
)

// accountCollector reads the status of every account at each scrape. It stores nothing.
type accountCollector struct {
	accounts closedSet
	statuses func() []job.AccountStatus
}

// The values of the labels of an account's metrics.
var (
	waitCodes    = newClosedSet(job.WaitCodes()...)
	listingWays  = []job.ListingWay{job.ListBySearch, job.ListByTime, job.ListByWalk}
	parameters   = newClosedSet(bitmovin.ListParameters()...)
	faults       = newClosedSet(job.ParameterFaults()...)
	unknownKinds = newClosedSet(bitmovin.UnknownKinds()...)
	repeatKinds  = newClosedSet(dispatcher.TaskNames()...)
	classes      = newClosedSet(classNames()...)
)

func classNames() (names []string) {
	for _, class := range bitmovin.Classes() {
		names = append(names, class.String())
	}
	return names
}

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
	accountGauge("problem", "1 if jobs cannot be configured although the platform answers; the account's problem says why.", func(s job.AccountStatus) float64 { return indicator(s.Problem != "" && s.Breaker == job.BreakerClosed) }),
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
	waitingDesc = prometheus.NewDesc("stoker_account_waiting_seconds_total",
		"Seconds in which jobs waited that nothing but a full queue kept from being started.", []string{"account"}, nil)
	dryDesc = prometheus.NewDesc("stoker_account_queue_dry_seconds_total",
		"Seconds of those in which the platform's queue was empty.", []string{"account"}, nil)
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
	ch <- waitingDesc
	ch <- dryDesc
}

// Collect reads every account's status and sends the values of its metrics.
func (c accountCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	count := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
	}
	for _, s := range c.statuses() {
		if !c.accounts[s.ID] {
			continue // two accounts must not have one label
		}
		for _, g := range accountGauges {
			send(g.desc, g.value(s), s.ID)
		}
		count(waitingDesc, s.WaitingTime.Seconds(), s.ID)
		count(dryDesc, s.DryTime.Seconds(), s.ID)
		for kind := range unknownKinds {
			count(unknownDesc, float64(s.UnknownValueCounts[kind]), s.ID, kind)
		}
		for call := range repeatKinds {
			count(repeatsDesc, float64(s.Repeats[call]), s.ID, call)
		}
		if w := s.ExplainWait(time.Now()); w.Code != "" {
			send(waitDesc, 1, s.ID, waitCodes.label(string(w.Code)))
		}
		for _, way := range listingWays {
			send(listingDesc, indicator(s.Listing.Way == way), s.ID, string(way))
		}
		for _, p := range s.Listing.FaultyParameters {
			if parameters[p.Name] && faults[string(p.Fault)] {
				send(parameterDesc, 1, s.ID, p.Name, string(p.Fault))
			}
		}
		for _, b := range s.Budgets {
			if !classes[b.Class] {
				continue
			}
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
