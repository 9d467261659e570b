package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stokerd/stoker/store"
)

// termCollector reads at each scrape what the service has of terms. A service without replicas has none.
type termCollector struct {
	accounts closedSet
	read     func() (store.TermFigures, bool)
}

var (
	drivesDesc        = prometheus.NewDesc("stoker_drives", "1 for each account that this replica drives.", []string{"account"}, nil)
	epochDesc         = prometheus.NewDesc("stoker_epoch", "How many times a replica has gained the account that this one drives.", []string{"account"}, nil)
	takeoversDesc     = prometheus.NewDesc("stoker_takeovers_total", "Accounts that this replica has gained, by why it could: nobody had driven them, their driver had given them back, or its lease had ended.", []string{"why"}, nil)
	renewSecondsDesc  = prometheus.NewDesc("stoker_renew_seconds_total", "How long all renewals of leases have taken.", nil, nil)
	renewalsDesc      = prometheus.NewDesc("stoker_renewals_total", "Renewals of leases.", nil, nil)
	deposedWritesDesc = prometheus.NewDesc("stoker_deposed_writes_total", "Writes that the database has refused because another replica had taken over.", nil, nil)
	listenUpDesc      = prometheus.NewDesc("stoker_listen_up", "1 while wakeups of other replicas arrive.", nil, nil)
)

// Describe sends the description of every metric.
func (termCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{drivesDesc, epochDesc, takeoversDesc, renewSecondsDesc, renewalsDesc, deposedWritesDesc, listenUpDesc} {
		ch <- desc
	}
}

// Collect sends the values.
func (c termCollector) Collect(ch chan<- prometheus.Metric) {
	f, ok := c.read()
	if !ok {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	counter := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
	}
	for account, epoch := range f.Epochs {
		if account == store.Housekeeping || c.accounts[account] {
			gauge(drivesDesc, 1, account)
			gauge(epochDesc, float64(epoch), account)
		}
	}
	for why, n := range f.Takeovers {
		counter(takeoversDesc, float64(n), why)
	}
	counter(renewSecondsDesc, f.RenewalTime.Seconds())
	counter(renewalsDesc, float64(f.Renewals))
	counter(deposedWritesDesc, float64(f.DeposedWrites))
	gauge(listenUpDesc, indicator(f.Listening))
}
