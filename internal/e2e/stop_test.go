package e2e

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// graceful is the longest time in which a service has to stop after SIGTERM if the platform answers.
const graceful = 15 * time.Second

// TestStop stops the service with SIGTERM at moments of a batch, with retries in flight.
// It leaves with exit code 0 in bounded time, and nothing is lost or paid twice.
func TestStop(t *testing.T) {
	t.Parallel()
	const seed = 11
	t.Logf("seed %d", seed)
	killer := newKiller()
	sim := scriptedPlatform(killer)
	s := newService(t, platform.Serve(t, sim), "STOKER_QUEUE_TARGET=5", "STOKER_POLL_INTERVAL=500ms")
	life := s.run()
	inputs := titles(40)
	batch := s.submit(inputs, 2*time.Second)
	h := s.follow(batch)
	moments := deaths(rand.New(rand.NewPCG(seed, 0)), 5)
	for i := range moments {
		moments[i].after, moments[i].before = false, false // every call is answered
	}
	waiting := 0
	times, life := s.killRepeatedly(life, killer, moments, h, func(p *process) {
		if waiting == 0 {
			await(t, func() bool { return s.backingOff(batch) > 0 })
		}
		waiting += s.backingOff(batch)
		p.signal(syscall.SIGTERM)
		if code := p.wait(graceful); code != 0 {
			t.Errorf("stopped with exit code %d", code)
		}
	})
	if times != len(moments) {
		t.Errorf("stopped %d times, want %d: the batch has ended too early", times, len(moments))
	}
	t.Logf("stopped with %d retries in flight in all", waiting)
	ended := h.end(3 * processTimeout)
	life.signal(syscall.SIGTERM)
	if code := life.wait(graceful); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
	cleared(t, sim) // nothing runs any more, and nothing has to: a stop leaves nothing behind
	s.run()
	s.verdict(sim, ended, inputs, retries, expectedEnd)
}

// backingOff counts the jobs of a batch that wait for another attempt.
func (s *service) backingOff(batch string) (n int) {
	s.t.Helper()
	for _, j := range s.jobs(batch) {
		if j.GetNextAttemptTime() != nil && j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
			n++
		}
	}
	return n
}

// TestStopWithoutAnswer stops the service while the platform leaves a start without
// an answer: it waits for the answer, but not for ever, and the start is not repeated.
func TestStopWithoutAnswer(t *testing.T) {
	t.Parallel()
	s, sim, life := hanging(t)
	began := time.Now()
	life.signal(syscall.SIGTERM)
	if code := life.wait(processTimeout); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
	t.Logf("stopped after %v", time.Since(began).Round(time.Millisecond))
	s.finishes(sim)
}

// TestSecondSignal has the service leave at once with the code of the signal, although
// calls are under way. Nothing is lost by it.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			t.Parallel()
			s, sim, life := hanging(t)
			life.signal(syscall.SIGTERM)
			if _, ok := life.hears(`"msg":"stopping"`); !ok {
				t.Fatal("the service does not say that it stops")
			}
			life.signal(tt.signal)
			if code := life.wait(processTimeout); code != tt.code { // a process that takes its time ends with 0
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			s.finishes(sim)
		})
	}
}

// hanging returns a service with a batch of one job, whose start has its effect and
// gets no answer.
func hanging(t *testing.T) (*service, *simulator.Simulator, *process) {
	t.Helper()
	hangs := newKiller()
	sim := scriptedPlatform(hangs)
	s := newService(t, platform.Serve(t, sim), "STOKER_POLL_INTERVAL=500ms")
	hangs.arm(death{start: true, after: true})
	life := s.run()
	s.submit([]string{"well/1.mov"}, time.Second)
	<-hangs.due
	return s, sim, life
}

// finishes starts the service again and checks that its only batch succeeds with a single start.
func (s *service) finishes(sim *simulator.Simulator) {
	s.t.Helper()
	s.run()
	all, err := s.client.Batches().ListBatches(s.t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil || len(all.GetBatches()) != 1 {
		s.t.Fatalf("the batches are %v, %v", all, err)
	}
	ended := s.follow(all.GetBatches()[0].GetId()).end(2 * processTimeout)
	cleared(s.t, sim)
	s.verdict(sim, ended, []string{"well/1.mov"}, retries, expectedEnd)
}

// TestStopsWatchers checks that a stopping service ends its watches at once, with a reason upon which
// clients come back.
func TestStopsWatchers(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	life := s.run()
	batch := s.submit([]string{"well/1.mov"}, time.Second)
	stream, err := s.client.Batches().WatchBatch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: batch})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		var m *stokerv1.WatchBatchResponse
		if m, err = stream.Recv(); m.GetSnapshot() {
			life.signal(syscall.SIGTERM)
		}
	}
	if !strings.Contains(err.Error(), "Unavailable") {
		t.Errorf("the watch ended with %v, want UNAVAILABLE", err)
	}
	if code := life.wait(graceful); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
}
