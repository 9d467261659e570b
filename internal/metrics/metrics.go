package metrics

import (
	"net/http"
	"time"

	grpcmetrics "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Metrics counts what happens in one service, until it is read. Its methods may be called side by side.
type Metrics struct {
	registry *prometheus.Registry
	accounts closedSet

	calls *grpcmetrics.ServerMetrics

	submitted, starts *prometheus.CounterVec
	results, retries  *prometheus.CounterVec
	stateTime         *prometheus.HistogramVec
	placeFree         *prometheus.HistogramVec
	duplicates        *prometheus.CounterVec

	platformCalls *prometheus.CounterVec
	platformTime  *prometheus.HistogramVec

	commitWrites, commitTime prometheus.Histogram
	commitsFailed            prometheus.Counter
}

// other is the label of every value that is not in its set.
const other = "other"

// closedSet are the values that a label may have.
type closedSet map[string]bool

func newClosedSet[T ~string](values ...T) closedSet {
	set := closedSet{}
	for _, v := range values {
		set[string(v)] = true
	}
	return set
}

// label returns a value of the set for any value.
func (s closedSet) label(value string) string {
	if s[value] {
		return value
	}
	return other
}

// callBuckets are for calls of this service, in seconds; platformBuckets for calls of the platform; waitBuckets
// for free places; stateBuckets for what takes hours.
var (
	callBuckets     = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	platformBuckets = []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	waitBuckets     = []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300}
	stateBuckets    = []float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400}
	writeBuckets    = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
	commitBuckets   = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
)

// New makes metrics for the accounts of a configuration.
func New(accounts []string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), accounts: newClosedSet(accounts...),
		calls: grpcmetrics.NewServerMetrics(grpcmetrics.WithServerHandlingTimeHistogram(grpcmetrics.WithHistogramBuckets(callBuckets))),

		submitted: counters("jobs_submitted_total", "Jobs that were added, without those that were skipped.", "account"),
		starts:    counters("job_starts_total", "Starts that the platform has accepted.", "account"),
		results: counters("job_results_total",
			"Jobs that have ended, by result (SUCCEEDED, FAILED, CANCELLED) and by the kind of the failure, NONE without one.", "account", "result", "cause"),
		retries: counters("job_retries_total",
			"Attempts that failed and are followed by another, by the kind of the failure; REQUESTED: somebody asked for it.", "account", "cause"),
		stateTime: histograms("job_state_seconds",
			"How long jobs were in a state that they have left; in WAITING only before the first start.", stateBuckets, "state"),
		placeFree: histograms("place_free_seconds",
			"How long a place in the platform's queue was free until a start filled it, while jobs waited.", waitBuckets, "account"),
		duplicates: counters("duplicate_attempts_total", "Encodings that were started although their attempt has another one.", "account"),

		platformCalls: counters("platform_calls_total", "Calls to the platform by endpoint class and by how they ended.", "account", "class", "code"),
		platformTime: histograms("platform_call_seconds",
			"How long calls to the platform took, without the wait for the rate limit.", platformBuckets, "class"),

		commitWrites: histogram("commit_changes", "How many changes of the job table shared a commit.", writeBuckets),
		commitTime:   histogram("commit_seconds", "How long a commit of the job table took, until it was on the disk.", commitBuckets),
		commitsFailed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stoker_commits_failed_total", Help: "Commits of the job table that failed.",
		}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.calls,
		m.submitted, m.starts, m.results, m.retries, m.stateTime, m.placeFree, m.duplicates, m.platformCalls, m.platformTime,
		m.commitWrites, m.commitTime, m.commitsFailed,
	)
	m.beginAtZero(accounts)
	return m
}

// beginAtZero makes the series that are usual, so that a rate is 0 and not unknown before the first event.
func (m *Metrics) beginAtZero(accounts []string) {
	for _, account := range accounts {
		m.submitted.WithLabelValues(account)
		m.starts.WithLabelValues(account)
		m.placeFree.WithLabelValues(account)
		m.duplicates.WithLabelValues(account)
		m.results.WithLabelValues(account, string(job.Succeeded), noCause)
		m.results.WithLabelValues(account, string(job.Cancelled), noCause)
		m.retries.WithLabelValues(account, requestedRetry)
		for _, kind := range job.FailureKinds() {
			m.results.WithLabelValues(account, string(job.Failed), string(kind))
			m.retries.WithLabelValues(account, string(kind))
		}
		for class := range classes {
			m.platformCalls.WithLabelValues(account, class, string(bitmovin.OutcomeOK))
		}
	}
	for _, state := range job.States() {
		if !state.Terminal() {
			m.stateTime.WithLabelValues(string(state))
		}
	}
	for class := range classes {
		m.platformTime.WithLabelValues(class)
	}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stoker_" + name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "stoker_" + name, Help: help, Buckets: buckets})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "stoker_" + name, Help: help, Buckets: buckets}, labels)
}

// Handler serves the metrics in Prometheus' format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// CountCalls returns an interceptor that counts calls of the service. It has to be the outermost one.
func (m *Metrics) CountCalls() grpc.StreamServerInterceptor {
	count := m.calls.StreamServerInterceptor()
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		if srv == nil { // a method that does not exist has any name
			return handle(srv, stream)
		}
		return count(srv, stream, info, handle)
	}
}

// NoteCommit counts what a transaction of the job table has changed.
func (m *Metrics) NoteCommit(c store.Commit) {
	if c.Err != nil {
		m.commitsFailed.Inc()
		return
	}
	m.commitWrites.Observe(float64(c.Writes))
	m.commitTime.Observe(c.Duration.Seconds())
	for account, n := range c.Submitted {
		m.submitted.WithLabelValues(m.accounts.label(account)).Add(float64(n))
	}
	for i := range c.Jobs {
		m.noteStateChange(&c.Jobs[i])
	}
}

// requestedRetry is the cause of a retry that somebody asked for, and noCause that of a job without a failure.
const requestedRetry, noCause = "REQUESTED", "NONE"

// The values of further labels.
var (
	states       = newClosedSet(job.States()...)
	failureKinds = newClosedSet(job.FailureKinds()...)
	outcomes     = newClosedSet(bitmovin.Outcomes()...)
)

func (m *Metrics) noteStateChange(change *job.StateChange) {
	account, cause := m.accounts.label(change.AccountID), noCause
	if change.Failure != "" {
		cause = failureKinds.label(string(change.Failure))
	}
	if change.From != change.To && change.Spent >= 0 {
		m.stateTime.WithLabelValues(states.label(string(change.From))).Observe(change.Spent.Seconds())
	}
	switch {
	case change.To.Terminal():
		m.results.WithLabelValues(account, states.label(string(change.To)), cause).Inc()
	case change.From.Terminal():
		m.retries.WithLabelValues(account, requestedRetry).Inc()
	case change.To == job.Waiting && change.Failure != "":
		m.retries.WithLabelValues(account, cause).Inc()
	}
	if change.From == job.Starting && (change.To == job.Queued || change.To == job.Running || change.To == job.Succeeded) {
		m.starts.WithLabelValues(account).Inc()
	}
}

// CountPlatformCalls returns a function that counts the calls to the platform of an account.
func (m *Metrics) CountPlatformCalls(account string) func(bitmovin.CallResult) {
	account = m.accounts.label(account)
	return func(c bitmovin.CallResult) {
		class := classes.label(c.Class.String())
		m.platformCalls.WithLabelValues(account, class, outcomes.label(string(c.Outcome))).Inc()
		m.platformTime.WithLabelValues(class).Observe(c.Duration.Seconds())
	}
}

// NotePlaceFilled notes how long a place in the queue of an account was free.
func (m *Metrics) NotePlaceFilled(account string, free time.Duration) {
	m.placeFree.WithLabelValues(m.accounts.label(account)).Observe(free.Seconds())
}

// NoteDuplicate notes an encoding that was started although its attempt has another one.
func (m *Metrics) NoteDuplicate(account string) {
	m.duplicates.WithLabelValues(m.accounts.label(account)).Inc()
}
