package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// TestSubmitUnderKill kills the service again and again while clients submit batches. The client
// repeats each submission until it is acknowledged. Every acknowledged batch is there afterwards, whole,
// exactly once, and under the acknowledged id.
func TestSubmitUnderKill(t *testing.T) {
	t.Parallel()
	const seed, clients, kills, jobs = 13, 4, 8, 300
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	life := s.run()
	if _, err := s.client.Accounts().PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
		t.Fatal(err)
	}

	var done atomic.Int64
	var enough atomic.Bool
	acknowledged := make([]map[string]string, clients) // batch ids by request id
	var group sync.WaitGroup
	for i := range clients {
		acknowledged[i] = map[string]string{}
		group.Go(func() {
			for n := 0; !enough.Load(); n++ {
				request := submission(fmt.Sprintf("client %d request %d", i, n), jobs)
				answer, err := s.client.Batches().SubmitBatch(t.Context(), request, grpc.WaitForReady(true))
				if err != nil {
					t.Errorf("submit: %v", err)
					return
				}
				acknowledged[i][request.GetRequestId()] = answer.GetBatch().GetId()
				done.Add(1)
			}
		})
	}
	for range kills {
		before, more := done.Load(), int64(1+random.IntN(10))
		await(t, func() bool { return done.Load() >= before+more })
		<-time.After(time.Duration(random.IntN(20)) * time.Millisecond)
		life.kill()
		life = s.run()
	}
	enough.Store(true)
	group.Wait()
	t.Logf("%d batches acknowledged, %d calls repeated", done.Load(), s.lost.Load())
	if s.lost.Load() == 0 {
		t.Error("no call was hit by a kill")
	}
	s.checkSubmitted(acknowledged, jobs)
}

// submission is a request for a batch of so many jobs.
func submission(id string, jobs int) *stokerv1.SubmitBatchRequest {
	request := &stokerv1.SubmitBatchRequest{RequestId: id, DisplayName: id}
	for i := range jobs {
		request.Jobs = append(request.Jobs, &stokerv1.JobSpec{InputPath: fmt.Sprint("in/", i), OutputPath: fmt.Sprint("out/", i)})
	}
	return request
}

// checkSubmitted compares the acknowledged batches with those in the job table.
func (s *service) checkSubmitted(acknowledged []map[string]string, jobs int) {
	s.t.Helper()
	there := map[string][]*stokerv1.Batch{}
	request := &stokerv1.ListBatchesRequest{PageSize: 1000}
	for {
		page, err := s.client.Batches().ListBatches(s.t.Context(), request)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, b := range page.GetBatches() {
			there[b.GetDisplayName()] = append(there[b.GetDisplayName()], b)
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	for _, ids := range acknowledged {
		for name, id := range ids {
			batches := there[name]
			delete(there, name)
			if len(batches) != 1 || batches[0].GetId() != id {
				s.t.Errorf("%s was acknowledged as batch %s; there is %v", name, id, batches)
				continue
			}
			rows, b := len(s.jobs(id)), batches[0]
			if rows != jobs || b.GetJobCount() != int64(jobs) || b.GetCounts().GetWaiting() != int64(jobs) {
				s.t.Errorf("%s has %d of %d jobs, and counts %v", name, rows, jobs, b.GetCounts())
			}
		}
	}
	if len(there) > 0 {
		s.t.Errorf("there are batches that nobody was told of: %v", there)
	}
}

// await waits until a condition is true.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(processTimeout)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it does not happen within %v", processTimeout)
		}
	}
}
