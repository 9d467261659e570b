package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stokerd/stoker/internal/housekeeping"
	"github.com/stokerd/stoker/store"
)

// Housekeeping is where metrics of the job table and its backups are read.
type Housekeeping struct {
	Space func(context.Context) (store.Space, error)
	State func() housekeeping.State
}

// spaceTimeout is how long a scrape waits for the size of the job table.
const spaceTimeout = 5 * time.Second

// housekeepingCollector reads how the job table and its backups stand at each scrape.
type housekeepingCollector struct{ Housekeeping }

var (
	tableBytesDesc    = prometheus.NewDesc("stoker_job_table_bytes", "Size of the files of the job table.", nil, nil)
	tableUnusedDesc   = prometheus.NewDesc("stoker_job_table_unused_bytes", "Part of the job table that holds nothing; new rows are written there.", nil, nil)
	diskFreeDesc      = prometheus.NewDesc("stoker_disk_free_bytes", "Room on the disk of the job table.", nil, nil)
	diskFloorDesc     = prometheus.NewDesc("stoker_disk_floor_bytes", "Room on the disk below which no jobs are taken; 0 without such a floor.", nil, nil)
	diskLowDesc       = prometheus.NewDesc("stoker_disk_low", "1 while no jobs are taken because the disk has too little room.", nil, nil)
	deletedDesc       = prometheus.NewDesc("stoker_retention_deleted_batches_total", "Batches that were deleted because they are kept no longer.", nil, nil)
	deletedJobsDesc   = prometheus.NewDesc("stoker_retention_deleted_jobs_total", "Jobs of batches that were deleted because they are kept no longer.", nil, nil)
	retentionFailDesc = prometheus.NewDesc("stoker_retention_failed", "1 if batches that are kept no longer could not be deleted when that was last tried.", nil, nil)
	backupAgeDesc     = prometheus.NewDesc("stoker_backup_age_seconds", "Age of the latest scheduled backup; without one, how long the service has waited for it.", nil, nil)
	backupEveryDesc   = prometheus.NewDesc("stoker_backup_interval_seconds", "How often a backup is scheduled.", nil, nil)
	backupBytesDesc   = prometheus.NewDesc("stoker_backup_bytes", "Size of the latest scheduled backup; 0 without one.", nil, nil)
	backupFailedDesc  = prometheus.NewDesc("stoker_backup_failed", "1 if the last scheduled backup that was tried could not be made.", nil, nil)
	backupErrorsDesc  = prometheus.NewDesc("stoker_backup_failures_total", "Scheduled backups that could not be made.", nil, nil)
)

// Describe sends the description of every metric. Those of backups are collected only if some are scheduled.
func (housekeepingCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		tableBytesDesc, tableUnusedDesc, diskFreeDesc, diskFloorDesc, diskLowDesc, deletedDesc, deletedJobsDesc, retentionFailDesc,
		backupAgeDesc, backupEveryDesc, backupBytesDesc, backupFailedDesc, backupErrorsDesc,
	} {
		ch <- desc
	}
}

// Collect reads the state and sends the values. What cannot be read is left out.
func (c housekeepingCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	counter := func(desc *prometheus.Desc, value int64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
	}
	ctx, cancel := context.WithTimeout(context.Background(), spaceTimeout)
	defer cancel()
	if space, err := c.Space(ctx); err == nil {
		gauge(tableBytesDesc, float64(space.Table))
		gauge(tableUnusedDesc, float64(space.Unused))
		if space.Total > 0 {
			gauge(diskFreeDesc, float64(space.Free))
			gauge(diskFloorDesc, float64(space.Floor))
			gauge(diskLowDesc, indicator(space.Low()))
		}
	}
	state := c.State()
	counter(deletedDesc, state.Deleted.Batches)
	counter(deletedJobsDesc, state.Deleted.Jobs)
	gauge(retentionFailDesc, indicator(state.RetentionFailed))
	if b := state.Backups; b.Every > 0 {
		gauge(backupAgeDesc, b.Age(time.Now()).Seconds())
		gauge(backupEveryDesc, b.Every.Seconds())
		gauge(backupBytesDesc, float64(b.Size))
		gauge(backupFailedDesc, indicator(b.Failed))
		counter(backupErrorsDesc, b.Failures)
	}
}
