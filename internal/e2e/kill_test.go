package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// scriptedPlatform is a platform where the input path decides what becomes of a job: jobs below once/
// and twice/ fail as often, jobs below never/ fail for good, and jobs below always/ fail every time
// although the platform hints at a retry.
func scriptedPlatform(killer *callKiller) *simulator.Simulator {
	return &simulator.Simulator{
		Encoders: 6, Duration: 300 * time.Millisecond, Unlimited: true, TakeAnyStart: true,
		Fault: killer.fault,
		Outcome: func(e simulator.Encoding, run int) simulator.Outcome {
			kind := kindOf(e.Streams[0].InputStreams[0].InputPath)
			switch {
			case kind == "never":
				return failure(simulator.NoRetry)
			case kind == "always", kind == "once" && run <= 1, kind == "twice" && run <= 2:
				return failure(simulator.Retry)
			}
			return simulator.Outcome{}
		},
	}
}

func failure(hint simulator.RetryHint) simulator.Outcome {
	return simulator.Outcome{
		Status: simulator.Error, After: 100 * time.Millisecond,
		Error: &simulator.TaskError{Code: 10003, Category: "DECODING ERROR", Text: "cannot be decoded", RetryHint: hint},
	}
}

func kindOf(input string) string {
	kind, _, _ := strings.Cut(input, "/")
	return kind
}

// expectedEnd is how a job has to end on a [scriptedPlatform] with two retries, whatever happens to the
// service: a failure that is not the job's own takes none of its retries.
func expectedEnd(input string) want {
	switch kindOf(input) {
	case "never":
		return want{stokerv1.JobState_JOB_STATE_FAILED, 1}
	case "once":
		return want{stokerv1.JobState_JOB_STATE_SUCCEEDED, 2}
	case "twice":
		return want{stokerv1.JobState_JOB_STATE_SUCCEEDED, 3}
	case "always":
		return want{stokerv1.JobState_JOB_STATE_FAILED, 3}
	}
	return want{stokerv1.JobState_JOB_STATE_SUCCEEDED, 1}
}

// retries is the retry policy of the batches on a [scriptedPlatform].
const retries = 2

// titles are the input paths of n jobs of all kinds.
func titles(n int) []string {
	kinds := []string{"well", "once", "well", "never", "well", "twice", "well", "always", "well", "well"}
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s/%d.mov", kinds[i%len(kinds)], i)
	}
	return all
}

// submit submits a batch that retries soon, and returns its id.
func (s *service) submit(inputs []string, backoff time.Duration) string {
	s.t.Helper()
	request := &stokerv1.SubmitBatchRequest{RetryPolicy: &stokerv1.RetryPolicy{
		MaxRetries: new(int32(retries)), InitialBackoff: durationpb.New(backoff), MaxBackoff: durationpb.New(backoff),
	}}
	for i, input := range inputs {
		request.Jobs = append(request.Jobs, &stokerv1.JobSpec{
			Key: fmt.Sprint("k", i), InputPath: input, OutputPath: "out/" + input,
		})
	}
	b, err := s.client.Submit(s.t.Context(), request)
	if err != nil {
		s.t.Fatal(err)
	}
	return b.GetId()
}

// TestKill kills the service with SIGKILL at ten moments of a batch.
func TestKill(t *testing.T) {
	t.Parallel()
	const seed = 7
	t.Logf("seed %d", seed)
	killer := newKiller()
	sim := scriptedPlatform(killer)
	s := newService(t, platform.Serve(t, sim), "STOKER_QUEUE_TARGET=5", "STOKER_POLL_INTERVAL=500ms")
	life := s.run()
	inputs := titles(60)
	batch := s.submit(inputs, 200*time.Millisecond)
	h := s.follow(batch)
	moments := deaths(rand.New(rand.NewPCG(seed, 0)), 10)
	times, life := s.killRepeatedly(life, killer, moments, h, (*process).kill)
	if times != len(moments) {
		t.Errorf("the service died %d times, want %d: the batch has ended too early", times, len(moments))
	}
	ended := h.end(3 * processTimeout)
	life.kill()
	s.run() // removes what the others left
	cleared(t, sim)
	s.verdict(sim, ended, inputs, retries, expectedEnd)
}

// TestKillWithDatabase does so with the job table in PostgreSQL, where the next process first waits until the
// lease of the one that was killed has ended.
func TestKillWithDatabase(t *testing.T) {
	t.Parallel()
	const seed = 11
	killer := newKiller()
	sim := scriptedPlatform(killer)
	db := pgserver.Empty(t)
	s := newService(t, platform.Serve(t, sim), "STOKER_QUEUE_TARGET=5", "STOKER_POLL_INTERVAL=500ms", "STOKER_DB="+db, "STOKER_MIGRATE=true")
	life := s.run()
	inputs := titles(60)
	batch := s.submit(inputs, 200*time.Millisecond)
	h := s.follow(batch)
	moments := deaths(rand.New(rand.NewPCG(seed, 0)), 4)
	times, life := s.killRepeatedly(life, killer, moments, h, (*process).kill)
	if times != len(moments) {
		t.Errorf("the service died %d times, want %d: the batch has ended too early", times, len(moments))
	}
	ended := h.end(3 * processTimeout)
	life.kill()
	s.run() // removes what the others left
	cleared(t, sim)
	s.verdict(sim, ended, inputs, retries, expectedEnd)
}
