package simulator_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestTwoEncodersTakeTurns(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 2, Duration: 90 * time.Minute})
		st := a.storage()
		begin := time.Now()
		var ids []string
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			ids = append(ids, a.started(st, name))
		}
		if got := a.status(ids[2]); got != "QUEUED" {
			t.Errorf("third encoding is %s, want QUEUED", got)
		}
		a.idle()
		var got []time.Duration
		for _, e := range a.sim.Encodings() {
			got = append(got, e.FinishedAt.Sub(begin))
		}
		h := 90 * time.Minute
		if diff := cmp.Diff([]time.Duration{h, h, 2 * h, 2 * h, 3 * h}, got); diff != "" {
			t.Errorf("finish times (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour) // idle time after the last run does not count
		stats := a.sim.ReadStats()
		want := []time.Duration{5 * h, h, 0, 3 * h}
		if diff := cmp.Diff(want, []time.Duration{stats.Busy, stats.IdleEmpty, stats.IdleQueued, stats.Makespan}); diff != "" {
			t.Errorf("busy, idle with an empty queue, idle with a queue, makespan (-want +got):\n%s", diff)
		}
		if stats.MaxQueued != 3 || stats.MaxRunning != 2 || stats.Starts != 5 {
			t.Errorf("max queued %d, max running %d, starts %d, want 3, 2, 5", stats.MaxQueued, stats.MaxRunning, stats.Starts)
		}
	})
}

// Nobody looks for a day; the result is as exact as if somebody had.
func TestEventsHappenAtTheirOwnTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sim := &simulator.Simulator{Encoders: 1, StartDelay: time.Minute, Duration: time.Hour}
		a := newAPI(t, sim)
		st := a.storage()
		begin := time.Now()
		first, second := a.started(st, "a"), a.started(st, "b")
		time.Sleep(24 * time.Hour)
		for id, want := range map[string]time.Duration{first: time.Minute, second: 61 * time.Minute} {
			enc, _ := sim.FindEncoding(id)
			if got := enc.RunningAt.Sub(begin); got != want {
				t.Errorf("%s ran after %v, want %v", enc.Name, got, want)
			}
		}
		if idle := sim.ReadStats().IdleQueued; idle != time.Minute {
			t.Errorf("idle with a queue for %v, want 1m", idle)
		}
	})
}

func TestPriority(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 1, Duration: time.Minute})
		st := a.storage()
		a.started(st, "first")
		for _, name := range []string{"low", "mid1", "mid2", "high"} {
			enc := a.prepared(st, name)
			body := map[string]string{
				"low": `{"scheduling":{"priority":10}}`, "mid1": "{}", "mid2": "null",
				"high": `{"scheduling":{"priority":90}}`,
			}[name]
			a.must("POST", "/encoding/encodings/"+enc+"/start", body)
			if name == "low" {
				a.must("POST", "/encoding/encodings/"+enc+"/reprioritize", `{"priority":50}`)
			}
		}
		a.idle()
		order := make(map[string]int)
		for _, e := range a.sim.Encodings() {
			order[e.Name] = int(e.RunningAt.Sub(a.sim.ReadStats().FirstStart) / time.Minute)
		}
		// low was started before mid1, and keeps that place in its new priority.
		want := map[string]int{"first": 0, "high": 1, "low": 2, "mid1": 3, "mid2": 4}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

func TestReprioritize(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 1, Duration: time.Minute, StopDelay: 30 * time.Second})
		st := a.storage()
		a.started(st, "running")
		first, second, stopped := a.started(st, "first"), a.started(st, "second"), a.started(st, "stopped")
		a.must("POST", "/encoding/encodings/"+first+"/reprioritize", `{"priority":49}`)
		a.must("POST", "/encoding/encodings/"+stopped+"/stop", "")
		a.must("POST", "/encoding/encodings/"+stopped+"/reprioritize", `{"priority":100}`)
		a.await(stopped, simulator.Canceled) // the stop is not forgotten
		if got := a.sim.ReadStats().Makespan; got != 30*time.Second {
			t.Errorf("canceled after %v, want 30s", got)
		}
		a.await(second, simulator.Running)
		if got := a.status(first); got != "QUEUED" {
			t.Errorf("the encoding that was put back is %s, want QUEUED", got)
		}
		if got := a.sim.ReadStats().Makespan; got != time.Minute {
			t.Errorf("the second one ran after %v, want 1m", got)
		}
	})
}

func TestStatusOfARun(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 1, Duration: 100 * time.Second})
		st := a.storage()
		enc, waiting := a.started(st, "a"), a.started(st, "b")
		time.Sleep(42500 * time.Millisecond)
		task := a.must("GET", "/encoding/encodings/"+enc+"/status", "")
		got := []any{task["status"], task["progress"], task["eta"], task["runningAt"]}
		if diff := cmp.Diff([]any{"RUNNING", 42.0, 57.5, "2000-01-01T00:00:00.000Z"}, got); diff != "" {
			t.Errorf("running task (-want +got):\n%s", diff)
		}
		subtasks, _ := task["subtasks"].([]any)
		if len(subtasks) != 3 {
			t.Fatalf("%d subtasks, want 3", len(subtasks))
		}
		if sub, _ := subtasks[2].(map[string]any); sub["name"] != "Encoding" || sub["status"] != "RUNNING" {
			t.Errorf("third subtask is %v", sub)
		}
		queued := a.must("GET", "/encoding/encodings/"+waiting+"/status", "")
		if _, there := queued["eta"]; there || queued["progress"] != 0.0 || queued["runningAt"] != nil {
			t.Errorf("queued task has an eta, progress or running time: %v", queued)
		}
		a.await(enc, simulator.Finished)
		task = a.must("GET", "/encoding/encodings/"+enc+"/status", "")
		if task["progress"] != 100.0 || task["finishedAt"] != "2000-01-01T00:01:40.000Z" {
			t.Errorf("finished task: %v", task)
		}
		view := a.must("GET", "/encoding/encodings/"+enc, "")
		if view["type"] != "VOD" || view["status"] != "FINISHED" || view["startedAt"] != "2000-01-01T00:00:00.000Z" {
			t.Errorf("finished encoding: %v", view)
		}
	})
}

func TestRestartAfterError(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		failure := &simulator.TaskError{Code: 10006, Category: "DECODING ERROR", Text: "bad", RetryHint: simulator.Retry}
		a := newAPI(t, &simulator.Simulator{Outcome: func(_ simulator.Encoding, run int) simulator.Outcome {
			if run > 1 {
				return simulator.Outcome{}
			}
			return simulator.Outcome{
				Status: simulator.Error, Error: failure,
				Messages: []simulator.Message{{Text: "no"}}, After: 3 * time.Second,
			}
		}})
		enc := a.started(a.storage(), "a")
		a.await(enc, simulator.Error)
		task := a.must("GET", "/encoding/encodings/"+enc+"/status", "")
		want := map[string]any{"code": 10006.0, "category": "DECODING ERROR", "text": "bad", "retryHint": "RETRY"}
		if diff := cmp.Diff(want, task["error"]); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
		if task["errorAt"] != "2000-01-01T00:00:03.000Z" || task["finishedAt"] != task["errorAt"] {
			t.Errorf("errorAt %v, finishedAt %v", task["errorAt"], task["finishedAt"])
		}
		if messages, _ := task["messages"].([]any); len(messages) != 1 {
			t.Errorf("messages %v, want one", task["messages"])
		}
		time.Sleep(time.Second)
		a.start(enc)
		task = a.must("GET", "/encoding/encodings/"+enc+"/status", "")
		if task["error"] != nil || task["errorAt"] != nil || task["queuedAt"] != "2000-01-01T00:00:04.000Z" ||
			!cmp.Equal(task["messages"], []any{}) {
			t.Errorf("restarted task keeps something of its failure: %v", task)
		}
		a.await(enc, simulator.Finished)
		if got := len(a.sim.Starts(enc)); got != 2 {
			t.Errorf("%d starts, want 2", got)
		}
	})
}

func TestOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		outcome simulator.Outcome
		status  simulator.Status
		after   time.Duration
		ran     bool
	}{
		{"zero", simulator.Outcome{}, simulator.Finished, 30 * time.Second, true},
		{"early", simulator.Outcome{After: time.Second}, simulator.Finished, time.Second, true},
		{"transfer error", simulator.Outcome{Status: simulator.TransferError}, simulator.TransferError, 30 * time.Second, true},
		{"canceled by somebody", simulator.Outcome{Status: simulator.Canceled, After: 2 * time.Second}, simulator.Canceled, 2 * time.Second, true},
		{
			"canceled in the queue",
			simulator.Outcome{Status: simulator.Canceled, After: 4 * time.Second, InQueue: true},
			simulator.Canceled, 4 * time.Second, false,
		},
		{
			"too late in the queue",
			simulator.Outcome{Status: simulator.Error, After: 20 * time.Second, InQueue: true},
			simulator.Finished, 40 * time.Second, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				sim := &simulator.Simulator{StartDelay: time.Nanosecond}
				if tt.outcome.InQueue {
					sim.StartDelay = 10 * time.Second
				}
				sim.Outcome = func(simulator.Encoding, int) simulator.Outcome { return tt.outcome }
				a := newAPI(t, sim)
				begin := time.Now()
				id := a.started(a.storage(), "a")
				a.idle()
				enc, _ := sim.FindEncoding(id)
				if enc.Status != tt.status || enc.FinishedAt.Sub(begin).Truncate(time.Millisecond) != tt.after {
					t.Errorf("%s after %v, want %s after %v", enc.Status, enc.FinishedAt.Sub(begin), tt.status, tt.after)
				}
				if ran := !enc.RunningAt.IsZero(); ran != tt.ran {
					t.Errorf("ran: %v, want %v", ran, tt.ran)
				}
			})
		})
	}
}

func TestStop(t *testing.T) {
	for _, tt := range []struct {
		name        string
		delay       time.Duration
		stopRunning bool
		want        time.Duration
	}{
		{"running", 0, true, 10 * time.Second},
		{"queued", 0, false, 10 * time.Second},
		{"running, later", 5 * time.Second, true, 15 * time.Second},
		{"queued, later", 5 * time.Second, false, 15 * time.Second},
		{"queued, runs meanwhile", 25 * time.Second, false, 35 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				a := newAPI(t, &simulator.Simulator{Encoders: 1, StopDelay: tt.delay})
				st := a.storage()
				begin := time.Now()
				id, queued := a.started(st, "a"), a.started(st, "b")
				if !tt.stopRunning {
					id = queued
				}
				time.Sleep(10 * time.Second)
				a.must("POST", "/encoding/encodings/"+id+"/stop", "")
				if tt.delay > 0 { // asking twice is fine, and changes nothing
					a.must("POST", "/encoding/encodings/"+id+"/stop", "null")
				}
				a.await(id, simulator.Canceled)
				if got := time.Since(begin); got != tt.want {
					t.Errorf("canceled after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestStopLosesAgainstTheEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{StopDelay: time.Minute})
		enc := a.started(a.storage(), "a")
		a.must("POST", "/encoding/encodings/"+enc+"/stop", "")
		a.idle()
		time.Sleep(time.Hour)
		if got := a.status(enc); got != "FINISHED" {
			t.Errorf("status %s, want FINISHED", got)
		}
	})
}

// What is possible in which status.
func TestActionsByStatus(t *testing.T) {
	reach := map[string]simulator.Outcome{
		"FINISHED":       {},
		"ERROR":          {Status: simulator.Error},
		"TRANSFER_ERROR": {Status: simulator.TransferError},
		"CANCELED":       {Status: simulator.Canceled},
	}
	tests := []struct {
		status                          string
		start, stop, reprioritize, drop bool
		addStream                       bool
	}{
		{"CREATED", true, false, false, true, true},
		{"QUEUED", false, true, true, false, false},
		{"RUNNING", false, true, false, false, false},
		{"FINISHED", false, false, false, true, false},
		{"ERROR", true, false, false, true, true},
		{"TRANSFER_ERROR", false, false, false, true, false},
		{"CANCELED", false, false, false, true, false},
	}
	for _, tt := range tests {
		actions := []struct {
			method, path, body string
			possible           bool
		}{
			{"POST", "/start", "", tt.start},
			{"POST", "/stop", "", tt.stop},
			{"POST", "/reprioritize", `{"priority":1}`, tt.reprioritize},
			{"DELETE", "", "", tt.drop},
			{"POST", "/streams", `{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO"}`, tt.addStream},
		}
		for _, action := range actions {
			t.Run(tt.status+" "+action.method+action.path, func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					sim := &simulator.Simulator{Outcome: func(simulator.Encoding, int) simulator.Outcome { return reach[tt.status] }}
					if tt.status == "QUEUED" {
						sim.Encoders = -1
					}
					a := newAPI(t, sim)
					st := a.storage()
					enc := a.prepared(st, "a")
					if tt.status != "CREATED" {
						a.start(enc)
						a.await(enc, simulator.Status(tt.status))
					}
					path := "/encoding/encodings/" + enc + action.path
					body := fill(action.body, "IN", st.input, "VIDEO", st.video)
					if action.possible {
						a.must(action.method, path, body)
						return
					}
					a.refused(action.method, path, body, 400, simulator.CodeState)
					if got := a.status(enc); got != tt.status {
						t.Errorf("status %s after the refusal, want %s", got, tt.status)
					}
				})
			})
		}
	}
}

func TestQueueLimit(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 1, QueueLimit: 2, Duration: time.Minute})
		st := a.storage()
		for _, name := range []string{"running", "q1", "q2"} {
			a.started(st, name)
		}
		extra := a.prepared(st, "extra")
		a.refused("POST", "/encoding/encodings/"+extra+"/start", "", 403, 8004)
		if got := a.status(extra); got != "CREATED" {
			t.Errorf("refused encoding is %s, want CREATED", got)
		}
		time.Sleep(time.Minute)
		a.start(extra)
		stats := a.sim.ReadStats()
		if stats.QueueFull != 1 || stats.Starts != 4 || len(a.sim.Starts(extra)) != 1 {
			t.Errorf("%d refused and %d accepted starts, want 1 and 4", stats.QueueFull, stats.Starts)
		}
	})
}

func TestQueueLimitAnswer(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{QueueLimit: 1, Encoders: -1, QueueFullStatus: 409, QueueFullCode: 8003})
	st := a.storage()
	a.started(st, "a")
	a.refused("POST", "/encoding/encodings/"+a.prepared(st, "b")+"/start", "{}", 409, 8003)
}

func TestStartNeedsAStreamAndAMuxing(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	enc := a.create("/encoding/encodings", `{"name":"empty"}`)
	a.refused("POST", "/encoding/encodings/"+enc+"/start", "", 400, simulator.CodeInvalid)
}
