package metrics

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// Sources are what is asked at each scrape. Fields that may be nil say so.
type Sources struct {
	Accounts interface{ AccountStatuses() []job.AccountStatus }
	Server   interface {
		CountWatches() int
		CountWaitingJobs(ctx context.Context) (map[server.WaitingJobs]int64, error)
		RefusedByLimit() map[string]int64
		RefusedCallers() int64
	}
	Certificates interface { // nil: there is no TLS
		NotAfter() time.Time
		Failed() bool
	}
	Configuration interface {
		ReadTakenTime() time.Time
		HasFailed() bool
	}
	Notifications *Notifications // nil: there are none
	// ConnectionsRefused is how many connections were closed at once because there were too many.
	ConnectionsRefused func() int64
	Housekeeping       Housekeeping
	// Terms says what the service has of terms; false if it has no replicas.
	Terms func() (store.TermFigures, bool)
	// Writable says whether the job table can be written.
	Writable func() bool
	Version  string
	Log      *slog.Logger
}

// Read adds what is asked at each scrape.
func (m *Metrics) Read(s Sources) {
	m.registry.MustRegister(
		accountCollector{m.accounts, s.Accounts.AccountStatuses},
		waitingCollector{m.accounts, s},
		refusalCollector{newClosedSet(server.LimitNames()...), s.Server.RefusedByLimit},
		housekeepingCollector{s.Housekeeping},
		termCollector{m.accounts, s.Terms},
		counterFunc("connections_refused_total", "Connections that were closed at once because there were too many.", func() float64 { return float64(s.ConnectionsRefused()) }),
		counterFunc("callers_refused_total", "Calls without a valid proof of who calls.", func() float64 { return float64(s.Server.RefusedCallers()) }),
		gaugeFunc("config_taken_up_seconds", "When the configuration in force was taken up, in Unix time.", func() float64 { return unix(s.Configuration.ReadTakenTime()) }),
		gaugeFunc("config_reload_failed", "1 while the configuration that was read last was refused, so that the one before stays in force.", func() float64 { return indicator(s.Configuration.HasFailed()) }),
		gaugeFunc("watches", "Watches that are open.", func() float64 { return float64(s.Server.CountWatches()) }),
		gaugeFunc("database_writable", "1 while the job table can be written.", func() float64 { return indicator(s.Writable()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "stoker_build_info", Help: "1, with the version of the service.", ConstLabels: prometheus.Labels{"version": s.Version},
		}, func() float64 { return 1 }),
	)
	if s.Notifications != nil {
		m.registry.MustRegister(notificationCollector{*s.Notifications})
	}
	if c := s.Certificates; c != nil {
		m.registry.MustRegister(
			gaugeFunc("tls_certificate_not_after_seconds", "When the certificate in use expires, in Unix time.", func() float64 { return unix(c.NotAfter()) }),
			gaugeFunc("tls_reload_failed", "1 while the files of the certificates have changed and cannot be used, so that the old ones stay in use.", func() float64 { return indicator(c.Failed()) }),
		)
	}
}

func gaugeFunc(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "stoker_" + name, Help: help}, value)
}

func counterFunc(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "stoker_" + name, Help: help}, value)
}

var refusedDesc = prometheus.NewDesc("stoker_calls_refused_total", "Calls that a limit has refused, by limit.", []string{"limit"}, nil)

// refusalCollector reads how many calls each limit has refused.
type refusalCollector struct {
	limits closedSet
	counts func() map[string]int64
}

// Describe sends the description of the metric.
func (refusalCollector) Describe(ch chan<- *prometheus.Desc) { ch <- refusedDesc }

// Collect sends the count of each limit.
func (c refusalCollector) Collect(ch chan<- prometheus.Metric) {
	sums := map[string]int64{}
	for limit := range c.limits {
		sums[limit] = 0
	}
	for limit, n := range c.counts() {
		sums[c.limits.label(limit)] += n
	}
	for limit, n := range sums {
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n), limit)
	}
}

var waitingJobsDesc = prometheus.NewDesc("stoker_waiting_jobs",
	"Jobs that wait to be started, by why they wait, as a wait code of the API. All due jobs of a batch count for the reason of the next one.",
	[]string{"account", "reason"}, nil)

// countTime is how long counting the waiting jobs may take.
const countTime = 5 * time.Second

// waitingCollector counts waiting jobs by reason.
type waitingCollector struct {
	accounts closedSet
	sources  Sources
}

// Describe sends the description of the metric.
func (waitingCollector) Describe(ch chan<- *prometheus.Desc) { ch <- waitingJobsDesc }

// Collect sends the counts that are not 0, and for each account that of IDLE, so that there is a series where
// nothing waits. Without an answer of the job table there are none.
func (c waitingCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	counts, err := c.sources.Server.CountWaitingJobs(ctx)
	if err != nil {
		c.sources.Log.Error("waiting jobs cannot be counted", "err", err)
		return
	}
	sums := map[server.WaitingJobs]int64{}
	for account := range c.accounts {
		sums[server.WaitingJobs{AccountID: account, Code: job.WaitIdle}] = 0
	}
	for w, n := range counts {
		sums[server.WaitingJobs{AccountID: c.accounts.label(w.AccountID), Code: job.WaitCode(waitCodes.label(string(w.Code)))}] += n
	}
	for w, n := range sums {
		ch <- prometheus.MustNewConstMetric(waitingJobsDesc, prometheus.GaugeValue, float64(n), w.AccountID, string(w.Code))
	}
}
