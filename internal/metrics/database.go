package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stokerd/stoker/store"
)

// databaseTimeout is how long a scrape waits for the database.
const databaseTimeout = 2 * time.Second

// databaseCollector asks the database of the job table at each scrape.
type databaseCollector struct {
	read func(context.Context) (store.Database, bool, error)
}

var (
	syncDesc        = prometheus.NewDesc("stoker_database_synchronous", "1 if a commit waits for a standby: then a failover loses nothing that was acknowledged.", nil, nil)
	offsetDesc      = prometheus.NewDesc("stoker_database_clock_offset_seconds", "By how much the clock of this machine is ahead of the server's.", nil, nil)
	snapshotDesc    = prometheus.NewDesc("stoker_database_oldest_xmin_age", "How many transactions ago the oldest snapshot was taken that is still open in the server.", nil, nil)
	serverDesc      = prometheus.NewDesc("stoker_database_connections", "Connections of the server, of everybody.", nil, nil)
	serverMaxDesc   = prometheus.NewDesc("stoker_database_max_connections", "Connections that the server takes.", nil, nil)
	readersDesc     = prometheus.NewDesc("stoker_database_readers", "Connections on which this process may read.", nil, nil)
	inUseDesc       = prometheus.NewDesc("stoker_database_readers_in_use", "Connections on which this process reads just now.", nil, nil)
	unconfirmedDesc = prometheus.NewDesc("stoker_unknown_commits_total", "Commits that the server did not confirm.", nil, nil)
)

// Describe sends the description of every metric. Those of a job table in a file are not collected.
func (databaseCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		syncDesc, offsetDesc, snapshotDesc, serverDesc, serverMaxDesc, readersDesc, inUseDesc, unconfirmedDesc,
	} {
		ch <- desc
	}
}

// Collect sends the values. Without an answer of the server those are left out that it knows.
func (c databaseCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), databaseTimeout)
	defer cancel()
	d, ok, err := c.read(ctx)
	if !ok {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	if err == nil {
		gauge(syncDesc, indicator(d.Synchronous))
		gauge(offsetDesc, d.ClockOffset.Seconds())
		gauge(snapshotDesc, float64(d.OldestSnapshot))
		gauge(serverDesc, float64(d.Connections))
		gauge(serverMaxDesc, float64(d.MaxConnections))
	}
	f := d.Figures
	gauge(readersDesc, float64(f.Readers))
	gauge(inUseDesc, float64(f.ReadersInUse))
	ch <- prometheus.MustNewConstMetric(unconfirmedDesc, prometheus.CounterValue, float64(f.UnknownCommits))
}
