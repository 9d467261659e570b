package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/notifier"
	"github.com/stokerd/stoker/store"
)

// Notifications are where metrics of notifications are read.
type Notifications struct {
	Table  store.NotificationTable
	Counts func() map[notifier.Counted]int64
}

// Metrics of notifications. The names of endpoints are no labels: people choose them.
var (
	deliveriesDesc = prometheus.NewDesc("stoker_notification_deliveries_total",
		"Attempts to deliver notifications, by event and outcome: delivered, retried (there will be another attempt), failed (given up).", []string{"event", "outcome"}, nil)
	pendingDesc = prometheus.NewDesc("stoker_notifications_pending",
		"Notifications that are to be delivered, all endpoints together.", nil, nil)
	oldestPendingDesc = prometheus.NewDesc("stoker_notifications_oldest_pending_seconds",
		"How long ago the oldest of them was written; 0 if there is none.", nil, nil)
	endpointsDesc = prometheus.NewDesc("stoker_notification_endpoints",
		"Endpoints of notifications, by state: working, failing (the latest attempt failed), disabled.", []string{"state"}, nil)
)

// notificationCollector counts deliveries, and reads at each scrape what is to be delivered.
type notificationCollector struct{ Notifications }

// Describe sends the description of every metric of notifications.
func (notificationCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{deliveriesDesc, pendingDesc, oldestPendingDesc, endpointsDesc} {
		ch <- desc
	}
}

// Collect sends the values. What cannot be read is left out.
func (c notificationCollector) Collect(ch chan<- prometheus.Metric) {
	counts := c.Counts()
	for _, event := range append(notification.Events(), notification.EndpointTest) {
		for _, outcome := range notifier.Outcomes() {
			n := float64(counts[notifier.Counted{Event: event, Outcome: outcome}])
			ch <- prometheus.MustNewConstMetric(deliveriesDesc, prometheus.CounterValue, n, string(event), string(outcome))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	endpoints, err := c.Table.Endpoints(ctx)
	if err != nil {
		return
	}
	backlogs, err := c.Table.Backlogs(ctx)
	if err != nil {
		return
	}
	states := map[string]float64{"working": 0, "failing": 0, "disabled": 0}
	for _, e := range endpoints {
		switch {
		case e.Disabled:
			states["disabled"]++
		case !e.FailingSince.IsZero():
			states["failing"]++
		default:
			states["working"]++
		}
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(endpointsDesc, prometheus.GaugeValue, n, state)
	}
	pending, oldest := 0.0, 0.0
	for _, b := range backlogs {
		pending += float64(b.Pending)
		oldest = max(oldest, time.Since(b.Oldest).Seconds())
	}
	ch <- prometheus.MustNewConstMetric(pendingDesc, prometheus.GaugeValue, pending)
	ch <- prometheus.MustNewConstMetric(oldestPendingDesc, prometheus.GaugeValue, oldest)
}
