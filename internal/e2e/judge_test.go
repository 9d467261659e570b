package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// evidence is what a simulator recorded, inside the test or as a process.
type evidence interface {
	Encodings() []simulator.Encoding
	Ledger() []simulator.Entry
}

// history watches a batch, also while the service is killed and started again, and checks that a job that
// has ended does not change its state.
type history struct {
	t     *testing.T
	begun chan struct{}        // closed with the first message
	done  chan *stokerv1.Batch // the batch as it ended; nil if the watch failed
}

// follow starts to watch a batch until it has ended, and returns with the first message. The watch goes on
// after the service was killed and started again.
func (s *service) follow(batch string) *history {
	s.t.Helper()
	h := &history{t: s.t, begun: make(chan struct{}), done: make(chan *stokerv1.Batch, 1)}
	go func() { h.done <- h.watch(s, batch) }()
	select {
	case <-h.begun:
	case <-time.After(processTimeout):
		s.t.Fatalf("the watch has not begun within %v", processTimeout)
	}
	return h
}

func (h *history) watch(s *service, id string) (last *stokerv1.Batch) {
	ended := map[string]*stokerv1.Job{}
	request := &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true}
	for message, err := range s.client.Watch(s.t.Context(), request) {
		if err != nil {
			if s.t.Context().Err() == nil {
				h.t.Errorf("watch: %v", err)
			}
			return nil
		}
		if last == nil {
			close(h.begun)
		}
		if b := message.GetBatch(); b != nil {
			last = b
		}
		for _, j := range message.GetJobs() {
			before := ended[j.GetId()]
			if before != nil && before.GetState() != j.GetState() {
				h.t.Errorf("job %s was %s and became %s", j.GetId(), before.GetState(), j.GetState())
			}
			if terminal(j.GetState()) {
				ended[j.GetId()] = j
			}
		}
	}
	if int64(len(ended)) != last.GetJobCount() {
		h.t.Errorf("the watch showed the end of %d of %d jobs", len(ended), last.GetJobCount())
	}
	return last
}

// end waits for the batch to end and returns it. It fails the test after limit.
func (h *history) end(limit time.Duration) *stokerv1.Batch {
	h.t.Helper()
	select {
	case b := <-h.done:
		if b == nil || b.GetFinishTime() == nil {
			h.t.Fatalf("the watch ended before the batch: %v", b)
		}
		return b
	case <-time.After(limit):
		h.t.Fatalf("the batch has not ended within %v", limit)
	}
	return nil
}

func terminal(s stokerv1.JobState) bool {
	switch s {
	case stokerv1.JobState_JOB_STATE_SUCCEEDED, stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_CANCELLED:
		return true
	}
	return false
}

// want is how a job has to end. Zero attempts means any number of attempts.
type want struct {
	state    stokerv1.JobState
	attempts int
}

// verdict compares an ended batch with the platform:
//
//   - every acknowledged job is there once, and has ended as expected says for its input path
//     (nil: in any way);
//   - the platform accepted exactly one start for each attempt that is recorded,
//     and finished no job twice;
//   - no job had more attempts than it may have;
//   - the batch's counts are those of its jobs.
func (s *service) verdict(platform evidence, batch *stokerv1.Batch, acknowledged []string, maxRetries int, expected func(input string) want) {
	t := s.t
	t.Helper()
	jobs := s.jobs(batch.GetId())
	var inputs []string
	for _, j := range jobs {
		inputs = append(inputs, j.GetInputPath())
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(acknowledged)), slices.Sorted(slices.Values(inputs))); diff != "" {
		t.Errorf("jobs (-acknowledged +there):\n%s", diff)
	}
	paid := payments(t, platform)
	for _, j := range jobs {
		s.judge(j, paid[j.GetId()], maxRetries, expected(j.GetInputPath()))
		delete(paid, j.GetId())
	}
	if len(paid) > 0 {
		t.Errorf("encodings of jobs that nobody knows: %v", slices.Sorted(maps.Keys(paid)))
	}
	stored, err := s.client.Batches().GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: batch.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(count(jobs), stored.GetBatch().GetCounts(), protocmp.Transform()); diff != "" {
		t.Errorf("counts (-jobs +batch):\n%s", diff)
	}
	only := protocmp.IgnoreFields(&stokerv1.Batch{}, "encodes") // of GetBatch
	if diff := cmp.Diff(stored.GetBatch(), batch, protocmp.Transform(), only); diff != "" {
		t.Errorf("batch (-stored +as last watched):\n%s", diff)
	}
}

// payment is how many encodings of one job the platform started, and how many it finished.
type payment struct {
	starts, finished int
}

// payments adds up what the platform did for each job, by the names of the encodings, and checks the
// encodings against the ledger.
func payments(t *testing.T, platform evidence) map[string]payment {
	t.Helper()
	paid := map[string]payment{}
	total := 0
	for _, e := range platform.Encodings() {
		id := e.Name[strings.LastIndexByte(e.Name, '[')+1:]
		id = strings.TrimSuffix(id, "]")
		p := paid[id]
		p.starts += len(e.Starts)
		if e.Status == simulator.Finished {
			p.finished++
		}
		paid[id] = p
		total += len(e.Starts)
	}
	accepted := 0
	for _, call := range platform.Ledger() {
		if call.Route == startRoute && call.Effect {
			accepted++
		}
	}
	if accepted != total {
		t.Errorf("the ledger has %d accepted starts, the encodings have %d: one that was started has been deleted", accepted, total)
	}
	return paid
}

const startRoute = "POST /encoding/encodings/{id}/start"

func (s *service) judge(j *stokerv1.Job, paid payment, maxRetries int, expected want) {
	s.t.Helper()
	if !terminal(j.GetState()) {
		s.t.Errorf("job %s is %s", j.GetId(), j.GetState())
	}
	got, err := s.client.Batches().GetJob(s.t.Context(), &stokerv1.GetJobRequest{JobId: j.GetId()})
	if err != nil {
		s.t.Fatal(err)
	}
	attempts := len(got.GetAttempts())
	story := func() string {
		var b strings.Builder
		for _, e := range got.GetEvents() {
			b.WriteString("\n  " + e.GetTime().AsTime().Format("15:04:05.000 ") + e.GetTo().String() + ": " + e.GetReason())
		}
		return b.String()
	}
	if paid.starts != attempts {
		s.t.Errorf("job %s: the platform accepted %d starts for %d attempts%s", j.GetId(), paid.starts, attempts, story())
	}
	if attempts != int(j.GetAttempt()) || attempts > maxRetries+1 {
		s.t.Errorf("job %s is at attempt %d with %d recorded, of at most %d%s", j.GetId(), j.GetAttempt(), attempts, maxRetries+1, story())
	}
	finished := 0
	if j.GetState() == stokerv1.JobState_JOB_STATE_SUCCEEDED {
		finished = 1
	}
	if paid.finished != finished {
		s.t.Errorf("job %s is %s; the platform finished it %d times%s", j.GetId(), j.GetState(), paid.finished, story())
	}
	if expected.attempts > 0 && (j.GetState() != expected.state || attempts != expected.attempts) {
		s.t.Errorf("job %s (%s) is %s after %d attempts, want %s after %d%s",
			j.GetId(), j.GetInputPath(), j.GetState(), attempts, expected.state, expected.attempts, story())
	}
}

// jobs lists all jobs of a batch.
func (s *service) jobs(batch string) (all []*stokerv1.Job) {
	s.t.Helper()
	request := &stokerv1.ListJobsRequest{BatchId: batch, PageSize: 1000}
	for {
		page, err := s.client.Batches().ListJobs(s.t.Context(), request)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, page.GetJobs()...)
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return all
		}
	}
}

func count(jobs []*stokerv1.Job) *stokerv1.JobCounts {
	c := &stokerv1.JobCounts{}
	for _, j := range jobs {
		switch j.GetState() {
		case stokerv1.JobState_JOB_STATE_SUCCEEDED:
			c.Succeeded++
		case stokerv1.JobState_JOB_STATE_FAILED:
			c.Failed++
		case stokerv1.JobState_JOB_STATE_CANCELLED:
			c.Cancelled++
		}
	}
	return c
}

// cleared waits until the platform has no encoding that is running or was never started. A restarted
// service removes what a killed one had configured.
func cleared(t *testing.T, platform evidence) {
	t.Helper()
	if left := leftAt(t, platform, processTimeout, unended); len(left) > 0 {
		t.Errorf("left at the platform: %q", left)
	}
}

// unended reports whether an encoding runs, or was never started.
func unended(e simulator.Encoding) bool { return !e.Status.Ended() }

// leftAt waits until the platform has no encoding of a kind. It returns those that it still has after a while.
func leftAt(t *testing.T, platform evidence, limit time.Duration, of func(simulator.Encoding) bool) (left []string) {
	t.Helper()
	for began := time.Now(); ; wait(50 * time.Millisecond) {
		left = left[:0]
		for _, e := range platform.Encodings() {
			if of(e) {
				left = append(left, e.Name+" is "+string(e.Status))
			}
		}
		if len(left) == 0 || time.Since(began) > limit {
			return left
		}
	}
}
