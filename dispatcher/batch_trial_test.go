package dispatcher

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// refuseJobs refuses what is configured or started from a template with a 400, if the body has a text
// in it.
func refuseJobs(body string) func(simulator.Call) simulator.Fault {
	return faultJobs(body, simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest, Code: 1001})
}

// silenceJobs is [refuseJobs] without an answer.
func silenceJobs(body string) func(simulator.Call) simulator.Fault {
	return faultJobs(body, simulator.Fault{Kind: simulator.HangFault, Delay: time.Hour})
}

func faultJobs(body string, fault simulator.Fault) func(simulator.Call) simulator.Fault {
	return func(c simulator.Call) simulator.Fault {
		if (c.Route == templatesStart || c.Route == "POST /encoding/encodings/{id}/streams") && bytes.Contains(c.Body, []byte(body)) {
			return fault
		}
		return simulator.Fault{}
	}
}

// A recipe or template that the platform refuses is tried with one job after the other, and with
// pauses, not with all jobs at once. Another batch is not delayed by it.
func TestRefusedBatchIsTriedWithOneJob(t *testing.T) {
	for _, template := range []bool{false, true} {
		t.Run(fmt.Sprintf("template: %v", template), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Fault: refuseJobs("broken/")}
			inWorld(t, sim, func(w *world) {
				w.inputs = "broken"
				refused := w.submit(1000, func(b *job.Batch) {
					if template {
						ladder(t)(b)
					}
					b.Priority = 90
				})
				w.inputs = "in"
				other := w.submit(9, nil)
				w.run()
				if other = w.awaitEnd(other.ID, 5*time.Minute); other.State != job.BatchSucceeded {
					w.t.Errorf("the other batch is %s", other.State)
				}
				time.Sleep(time.Until(refused.CreateTime.Add(10 * time.Minute)))
				attempts, tried := 0, 0
				for _, j := range w.jobs(refused.ID) {
					attempts += j.Attempt
					if j.Attempt > 0 {
						tried++
					}
				}
				if attempts < 10 || attempts > 30 || tried > attempts/2 {
					w.t.Errorf("in 10 minutes %d jobs were tried, %d times in all; want 10 to 30 attempts, most of them of the same jobs", tried, attempts)
				}
				status, _ := w.store.AccountStatus("default")
				if p := status.Problems[refused.ID]; !p.Refused || !bytes.Contains([]byte(p.Text), []byte(errRefused.Error())) {
					w.t.Errorf("the batch's problem is %+v", p)
				}
			})
		})
	}
}

// A batch begins with one job: if it is refused, no other has lost an attempt.
func TestBatchBeginsWithOneJob(t *testing.T) {
	for _, template := range []bool{false, true} {
		t.Run(fmt.Sprintf("template: %v", template), func(t *testing.T) {
			route := map[bool]string{true: templatesStart, false: "POST /encoding/encodings"}[template]
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 500 * time.Millisecond}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				if c.Route == route && c.Nth == 1 {
					return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest, Code: 1001}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				b := w.submit(20, func(b *job.Batch) {
					if template {
						ladder(t)(b)
					}
				})
				w.run()
				b = w.awaitEnd(b.ID, 30*time.Minute)
				for i, j := range w.jobs(b.ID) {
					if want := map[bool]int{true: 2, false: 1}[i == 0]; j.State != job.Succeeded || j.Attempt != want {
						w.t.Errorf("job %s is %s in attempt %d, want %d", j.ID, j.State, j.Attempt, want)
					}
				}
				first, others := time.Time{}, 0
				for _, e := range w.sim.Ledger() {
					switch {
					case e.Route != route:
					case first.IsZero():
						first = e.Time
					case e.Time.Before(first.Add(400 * time.Millisecond)):
						others++
					}
				}
				if first.IsZero() || others > 0 {
					w.t.Errorf("beside the first job, %d more were tried before it was answered", others)
				}
			})
		})
	}
}

// One job that the platform refuses does not hold up the others of its batch.
func TestOneRefusedJobHoldsUpNoOther(t *testing.T) {
	for _, template := range []bool{false, true} {
		t.Run(fmt.Sprintf("template: %v", template), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Fault: refuseJobs("in/5.mp4")}
			inWorld(t, sim, func(w *world) {
				b := w.submit(30, func(b *job.Batch) {
					if template {
						ladder(t)(b)
					}
				})
				w.run()
				b = w.awaitEnd(b.ID, 30*time.Minute)
				if want := (job.Counts{Succeeded: 29, Failed: 1}); b.Counts != want {
					w.t.Errorf("counts %+v, want %+v", b.Counts, want)
				}
				if took := b.FinishTime.Sub(b.CreateTime); took > 11*time.Minute {
					w.t.Errorf("29 jobs of a minute on three encoders took %v", took)
				}
			})
		})
	}
}

// A batch on trial, whose one start from a template has no answer, lets batches of lower priority pass, however many
// jobs it has.
func TestTrialWithoutAnswerLetsOthersPass(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 100 * time.Millisecond, Fault: silenceJobs("silent/")}
	inWorld(t, sim, func(w *world) {
		w.inputs = "silent"
		silent := w.submitLadder(300, func(b *job.Batch) { b.Priority = 90 })
		w.inputs = "in"
		other := w.submitLadder(9, func(b *job.Batch) { b.Priority = 10 })
		w.run()
		w.await(other.ID, 5*time.Second, "a start", func(b job.Batch) bool { return b.Counts.Waiting < 9 })
		if other = w.awaitEnd(other.ID, 4*time.Minute); other.State != job.BatchSucceeded {
			w.t.Errorf("the other batch is %s", other.State)
		}
		w.audit(silent.ID, other.ID)
	})
}
