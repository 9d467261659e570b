package service

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

const (
	// checkTime is how long the checks may take, and checkAge how old their answers may be: each asks the platform.
	checkTime, checkAge = time.Minute, 10 * time.Second
)

// diagnostics looks at the service from inside.
type diagnostics struct {
	service *Service
	calls   singleflight.Group

	mu   sync.Mutex
	last []server.Finding
	at   time.Time // when last was found
}

// RunChecks runs the checks, or returns what they have found within the last ten seconds.
func (d *diagnostics) RunChecks(ctx context.Context) ([]server.Finding, time.Time, error) {
	d.mu.Lock()
	last, at := d.last, d.at
	d.mu.Unlock()
	if time.Since(at) < checkAge {
		return last, at, nil
	}
	done := d.calls.DoChan("", func() (any, error) {
		checking, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), checkTime, fmt.Errorf("the checks took longer than %v", checkTime))
		defer cancel()
		found := d.check(checking)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.last, d.at = found, time.Now()
		return nil, nil
	})
	select {
	case <-ctx.Done():
		return nil, time.Time{}, context.Cause(ctx)
	case <-done:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last, d.at, nil
}

// check runs all checks.
func (d *diagnostics) check(ctx context.Context) []server.Finding {
	s, cfg := d.service, d.service.reloader.current.Load()
	found := slices.Concat(
		[]doctor.Finding{doctor.Service(Version(), s.started), s.reloader.finding(), doctor.CheckMemory(), doctor.CheckDescriptors()},
		d.jobTable(ctx, cfg),
		doctor.CheckSecrets(cfg), doctor.CheckFileModes(cfg, NotificationKeyFile(cfg)), doctor.CheckCertificates(cfg, s.certificates != nil && s.certificates.Failed(), time.Now()), doctor.CheckListeners(cfg),
	)
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, a := range s.accounts {
		group.Go(func() {
			about := doctor.Account{Account: config.Account{ID: a.ID, URL: accountURL(cfg, a.ID)}, Client: a.Client, InstanceID: s.store.InstanceID(), WebhookURL: cfg.WebhookURL, Running: true}
			list := doctor.CheckPlatform(ctx, about)
			if doctor.Worst(list[:1]) == doctor.OK { // the platform takes the key
				list = append(list, d.outputs(ctx, cfg, a.ID)...)
			}
			if status, ok := s.store.AccountStatus(a.ID); ok {
				list = append(list, doctor.CheckAccount(status)...)
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, list...)
		})
	}
	group.Wait()
	doctor.Sort(found)
	return convertFindings(found)
}

// accountURL is the root of the API of an account.
func accountURL(cfg *config.Config, id string) string {
	for _, a := range cfg.Accounts {
		if a.ID == id {
			return a.URL
		}
	}
	return cfg.BitmovinURL
}

// outputs asks the platform whether it may write to the outputs that an account may use: those of the service, which
// are made if they are not there yet.
func (d *diagnostics) outputs(ctx context.Context, cfg *config.Config, account string) (findings []doctor.Finding) {
	for name, s := range cfg.Outputs {
		if s.Accounts != nil && !slices.Contains(s.Accounts, account) {
			continue
		}
		subject := account + "/" + name
		if f, done := doctor.UncheckedOutput(subject, s); done {
			findings = append(findings, f)
			continue
		}
		answer, err := d.service.dispatcher.CheckOutput(ctx, account, name)
		findings = append(findings, doctor.OutputFinding(subject, answer, err))
	}
	return findings
}

// backups looks at the age of the newest scheduled backup.
func (d *diagnostics) backups(cfg *config.Config) doctor.Finding {
	b := d.service.housekeeper.ReadState().Backups
	return doctor.CheckBackups(cfg.Backup, doctor.BackupState{Age: b.Age(time.Now()), None: b.Last.IsZero(), Failed: b.Failed})
}

// jobTable looks whether the job table can be read, and at what it is kept on.
func (d *diagnostics) jobTable(ctx context.Context, cfg *config.Config) []doctor.Finding {
	database, is, err := store.ReadDatabase(ctx, d.service.store)
	if is {
		return doctor.CheckDatabase(database, cfg.DB, true, err)
	}
	if _, err = d.service.store.CountBatches(ctx, job.BatchFilter{States: []job.BatchState{job.BatchActive}}); err == nil {
		err = store.CheckWritable(ctx, d.service.store)
	}
	return []doctor.Finding{doctor.JobTable(cfg.DB, err), doctor.CheckDisk(cfg), d.backups(cfg)}
}

// convertFindings converts findings to the server's type.
func convertFindings(all []doctor.Finding) []server.Finding {
	converted := make([]server.Finding, len(all))
	for i, f := range all {
		converted[i] = server.Finding{Check: f.Check, Subject: f.Subject, Outcome: stokerv1.CheckOutcome(f.Outcome) + stokerv1.CheckOutcome_CHECK_OUTCOME_OK, Text: f.Text, Remedy: f.Remedy}
	}
	return converted
}

// ReadReport collects what a report of a fault needs.
func (d *diagnostics) ReadReport(ctx context.Context) (server.Report, error) {
	s := d.service
	r := server.Report{
		Version: Version(), Platform: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, InstanceID: s.store.InstanceID(), StartTime: s.started,
		Log: s.logTail.String(), Metrics: d.metrics(ctx),
	}
	for _, v := range s.reloader.current.Load().Values {
		r.Configuration = append(r.Configuration, server.ConfigurationValue{Key: v.Path, Value: v.Value, From: v.From})
	}
	return r, nil
}

// metrics returns the metrics as /metrics has them.
func (d *diagnostics) metrics(ctx context.Context) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return ""
	}
	answer := &recordedAnswer{header: http.Header{}}
	d.service.metrics.Handler().ServeHTTP(answer, request)
	return answer.body.String()
}
