package e2e

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLoad is a measurement and not part of a normal run: 2,000 jobs of ten seconds on
// 50 encoders at the documented rate limits, which takes at least 400 seconds. Run it
// with `make load`.
func TestLoad(t *testing.T) {
	if os.Getenv("STOKER_LOAD") != "1" {
		t.Skip("a measurement of seven minutes; run it with make load")
	}
	const (
		jobs     = 2000
		encoders = 50
		duration = 10 * time.Second
	)
	bound := jobs * duration / encoders
	sim := simulate(t, "--encoders", fmt.Sprint(encoders), "--duration", duration.String())
	s := newService(t, sim.url, "STOKER_QUEUE_TARGET=20")
	life := s.run()
	inputs := make([]string, jobs)
	for i := range inputs {
		inputs[i] = fmt.Sprintf("well/%d.mov", i)
	}
	began := time.Now()
	batch := s.submit(inputs, time.Second)
	submitted := time.Since(began)
	ended := s.follow(batch).end(3 * bound)
	makespan := ended.GetFinishTime().AsTime().Sub(ended.GetCreateTime().AsTime())
	memory := peakMemory(t, life.cmd.Process.Pid)
	life.signal(syscall.SIGTERM)
	if code := life.wait(processTimeout); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
	s.run()
	cleared(t, sim)
	s.verdict(sim, ended, inputs, retries, expectedEnd)

	stats, cpu := sim.Stats(), life.cmd.ProcessState
	if stats.RateLimited > 0 {
		t.Errorf("%d calls were over a rate limit", stats.RateLimited)
	}
	if makespan < bound {
		t.Errorf("finished in %v, faster than possible", makespan)
	}
	t.Logf("%d jobs of %v on %d encoders, %d CPUs", jobs, duration, encoders, runtime.NumCPU())
	t.Logf("submitted in    %8.3f s", submitted.Seconds())
	t.Logf("makespan        %8.1f s", makespan.Seconds())
	t.Logf("lower bound     %8.1f s, so %.3f of it", bound.Seconds(), makespan.Seconds()/bound.Seconds())
	t.Logf("encoders idle   %8.1f s in all, %.2f %%, from the first start to the last end",
		(stats.IdleEmpty + stats.IdleQueued).Seconds(), 100*(stats.IdleEmpty+stats.IdleQueued).Seconds()/(float64(encoders)*stats.Makespan.Seconds()))
	t.Logf("calls           %8d, %.1f per job; %d over a rate limit", stats.Calls, float64(stats.Calls)/jobs, stats.RateLimited)
	t.Logf("serve's CPU     %8.1f s user, %.1f s system, %.1f ms per job", cpu.UserTime().Seconds(), cpu.SystemTime().Seconds(),
		1000*(cpu.UserTime()+cpu.SystemTime()).Seconds()/jobs)
	t.Logf("serve's memory  %s at most", memory)
}

// peakMemory is the largest resident set that a process has had.
func peakMemory(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Sprintf("(unknown: %v)", err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "(unknown)"
}
