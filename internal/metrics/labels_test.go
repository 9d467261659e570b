package metrics

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/housekeeping"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// labelValues are the values that each label may have, besides "other" and those that the operator chooses.
var labelValues = map[string][]string{
	"account": {"archive", "default", store.Housekeeping}, // of the configuration
	"why":     {"first", "released", "expired"},           // of store/postgres
	"version": {"v1.2.3"},                                 // of the build; also go_info's
	"result":  texts(job.States()), "state": texts(job.States()),
	"cause": append(texts(job.FailureKinds()), "NONE", "REQUESTED"),
	"class": classNames(), "code": append(texts(bitmovin.Outcomes()), texts(job.WaitCodes())...),
	"reason": texts(job.WaitCodes()), "way": texts(listingWays), "parameter": bitmovin.ListParameters(), "fault": texts(job.ParameterFaults()),
	"kind": texts(bitmovin.UnknownKinds()), "call": dispatcher.TaskNames(), "limit": server.LimitNames(),
}

func texts[T ~string](values []T) (list []string) {
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

// anything is what callers and the platform may write.
const anything = "anything {\"\n"

// wordy is a service that has the worst of everything.
type wordy struct{}

func (wordy) AccountStatuses() []job.AccountStatus {
	var all []job.AccountStatus
	for _, id := range []string{"archive", anything} {
		all = append(all, job.AccountStatus{
			ID: id, Breaker: job.BreakerOpen, BreakerReason: anything, Problem: anything, Repeats: map[string]int64{anything: 1},
			UnknownValueCounts: map[string]int64{anything: 1}, Budgets: []job.Budget{{Class: anything}},
			Listing: job.Listing{Way: anything, FaultyParameters: []job.ListParameter{{Name: anything, Fault: anything}, {Name: bitmovin.ParamSearch, Fault: job.ParameterIgnored}}},
		})
	}
	return all
}
func (wordy) CountWatches() int                { return 1 }
func (wordy) RefusedCallers() int64            { return 1 }
func (wordy) RefusedByLimit() map[string]int64 { return map[string]int64{anything: 1} }
func (wordy) NotAfter() time.Time              { return time.Now() }
func (wordy) Failed() bool                     { return false }
func (wordy) HasFailed() bool                  { return false }
func (wordy) ReadTakenTime() time.Time         { return time.Now() }
func (wordy) CountWaitingJobs(context.Context) (map[server.WaitingJobs]int64, error) {
	return map[server.WaitingJobs]int64{{AccountID: anything, Code: anything}: 1, {AccountID: anything, Code: job.WaitIdle}: 2, {AccountID: "archive", Code: job.WaitBudget}: 3}, nil
}

// TestLabelsAreClosed tells the metrics of names and texts that nobody has foreseen. No label has any of them.
func TestLabelsAreClosed(t *testing.T) {
	m := New([]string{"archive", "default"})
	m.Read(Sources{
		Accounts: wordy{}, Server: wordy{}, Certificates: wordy{}, Configuration: wordy{}, ConnectionsRefused: func() int64 { return 1 },
		Housekeeping: Housekeeping{
			Space: func(context.Context) (store.Space, error) { return store.Space{Total: 1}, nil },
			State: func() housekeeping.State { return housekeeping.State{} },
		},
		Terms: func() (store.TermFigures, bool) {
			return store.TermFigures{Epochs: map[string]int64{anything: 1, "archive": 2, store.Housekeeping: 3}, Takeovers: map[string]int64{"expired": 1}}, true
		},
		Database: func(context.Context) (store.Database, bool, error) { return store.Database{}, true, nil },
		Writable: func() bool { return true }, Version: "v1.2.3", Log: slog.New(slog.DiscardHandler),
	})
	m.NoteCommit(store.Commit{Writes: 3, Submitted: map[string]int64{anything: 1}, Jobs: []job.StateChange{
		{AccountID: anything, From: anything, To: anything, Failure: anything},
		{AccountID: anything, From: job.Running, To: job.Failed, Failure: anything},
		{AccountID: anything, From: job.Running, To: job.Waiting, Failure: anything},
	}})
	m.CountPlatformCalls(anything)(bitmovin.CallResult{Class: 99, Outcome: anything})
	m.NotePlaceFilled(anything, time.Second)
	for range 2 { // a method that does not exist, and the handler of one that does
		handle := func(any, grpc.ServerStream) error { return nil }
		info := &grpc.StreamServerInfo{FullMethod: "/stoker.v1." + anything}
		if err := m.CountCalls()(nil, nil, info, handle); err != nil {
			t.Error(err)
		}
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				used[l.GetName()] = true
				if strings.HasPrefix(f.GetName(), "go_") {
					continue
				}
				if allowed, known := labelValues[l.GetName()]; !known {
					t.Errorf("%s has a label %s that nobody has listed", f.GetName(), l.GetName())
				} else if !slices.Contains(append(allowed, other), l.GetValue()) {
					t.Errorf("%s has %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	for name := range labelValues {
		if !used[name] {
			t.Errorf("no metric has a label %s", name)
		}
	}
}
