package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// defaultRounds is how many rounds a normal run has.
const defaultRounds = 3

// TestTorture runs the service on a platform with faults, kills it and cancels jobs meanwhile, and judges
// the result. Each round follows from its own seed. Even seeds make short rounds. A normal run has three
// of them; these variables change that:
//
//	STOKER_TORTURE_ROUNDS=30   so many rounds, long ones too
//	STOKER_TORTURE_TIME=1h     rounds until the time is over, instead
//	STOKER_TORTURE_SEED=7      this very round, instead
func TestTorture(t *testing.T) {
	t.Parallel()
	if text := os.Getenv("STOKER_TORTURE_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatalf("STOKER_TORTURE_SEED: %v", err)
		}
		torture(t, uint32(seed))
		return
	}
	if text := os.Getenv("STOKER_TORTURE_TIME"); text != "" {
		limit, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("STOKER_TORTURE_TIME: %v", err)
		}
		for end := time.Now().Add(limit); time.Now().Before(end) && !t.Failed(); {
			t.Run("wave", func(t *testing.T) { tortureRounds(t, 2*defaultRounds, rand.Uint32) })
		}
		return
	}
	text := os.Getenv("STOKER_TORTURE_ROUNDS")
	if text == "" || testing.Short() {
		tortureRounds(t, defaultRounds, func() uint32 { return rand.Uint32() &^ 1 })
		return
	}
	rounds, err := strconv.Atoi(text)
	if err != nil || rounds < 1 {
		t.Fatalf("STOKER_TORTURE_ROUNDS=%s: want a number from 1 on", text)
	}
	tortureRounds(t, rounds, rand.Uint32)
}

// tortureRounds runs n rounds side by side, because they mostly wait. draw returns the seed of each.
func tortureRounds(t *testing.T, n int, draw func() uint32) {
	for range n {
		seed := draw()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			torture(t, seed)
		})
	}
}

// faultPlans are the faults that a platform can have. In short rounds few of them make the service
// repeat a start, before which it waits half a minute.
func faultPlans(short bool) []string {
	if short {
		return []string{"0.03", "reset-after=0.03", "504started=0.04", "429=0.03", "truncate=0.02,empty=0.02", "hang-after:1s=0.03"}
	}
	return []string{
		"0.04",
		"0.1",
		"reset=0.03,reset-after=0.04",
		"504started=0.06,html502=0.03,html503=0.02",
		"truncate=0.04,empty=0.04,truncate-lost=0.01,empty-lost=0.01",
		"429=0.03",
		"hang:1s=0.02,hang-after:1s=0.03",
		"json500=0.05,json503=0.05",
	}
}

// torture is one round.
func torture(t *testing.T, seed uint32) {
	t.Logf("to repeat this round: STOKER_TORTURE_SEED=%d go test -run 'TestTorture$' ./internal/e2e", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	short, jobs := seed%2 == 0, 24
	if short {
		jobs = 12
	}
	faults := faultPlans(short)[random.IntN(len(faultPlans(short)))]
	t.Logf("faults: %s", faults)
	sim := simulate(t, "--encoders", "5", "--duration", "300ms", "--fail", "0.25", "--unlimited",
		"--faults", faults, "--seed", fmt.Sprint(1+uint64(seed)))
	s := newService(t, sim.url, "STOKER_QUEUE_TARGET=8", "STOKER_POLL_INTERVAL=500ms")
	life := s.run()
	inputs := make([]string, jobs)
	for i := range inputs {
		inputs[i] = fmt.Sprintf("any/%d.mov", i)
	}
	batch := s.submit(inputs, 200*time.Millisecond)
	h := s.follow(batch)
	var ended *stokerv1.Batch
	for range 8 {
		if ended = h.within(time.Duration(random.IntN(1500)) * time.Millisecond); ended != nil {
			break
		}
		if random.IntN(4) == 0 {
			s.cancel(fmt.Sprintf("%s/%d", batch, 1+random.IntN(len(inputs))))
		}
		if random.IntN(5) == 0 {
			life.signal(syscall.SIGTERM)
			if code := life.wait(processTimeout); code != 0 {
				t.Errorf("stopped with exit code %d", code)
			}
		} else {
			life.kill()
		}
		life = s.run()
	}
	if ended == nil {
		ended = h.end(15 * processTimeout) // a start without an answer takes most of a minute, several in a row several of them
	}
	life.kill()
	s.run() // removes what the others left
	cleared(t, sim)
	s.verdict(sim, ended, inputs, retries, func(string) want { return want{} })
	for _, j := range s.jobs(batch) {
		if j.GetState() == stokerv1.JobState_JOB_STATE_FAILED && j.GetAttempt() != retries+1 {
			t.Errorf("job %s was given up after attempt %d, although every failure was worth retrying: %v", j.GetId(), j.GetAttempt(), j.GetFailure())
		}
	}
}

// within waits for the batch to end and returns it; nil if limit has passed before.
func (h *history) within(limit time.Duration) *stokerv1.Batch {
	select {
	case b := <-h.done:
		h.done <- b
		return h.end(processTimeout)
	case <-time.After(limit):
		return nil
	}
}

// cancel cancels a job, which may have ended already.
func (s *service) cancel(id string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), processTimeout)
	defer cancel()
	_, err := s.client.Batches().CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: id, Reason: "tortured"}, grpc.WaitForReady(true))
	if err != nil {
		s.t.Logf("cancel %s: %v", id, err)
	}
}
