package main

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestCheckResume(t *testing.T) {
	const (
		active    = stokerv1.BatchState_BATCH_STATE_ACTIVE
		open      = stokerv1.BatchState_BATCH_STATE_OPEN
		paused    = stokerv1.BatchState_BATCH_STATE_PAUSED
		cancelled = stokerv1.BatchState_BATCH_STATE_CANCELLED
	)
	for _, tt := range []struct {
		name   string
		state  stokerv1.BatchState
		jobs   int64 // of 10, one of which was left out
		resume bool
		goOn   bool
		refuse string
	}{
		{"unfinished", open, 3, false, false, "an upload of this list is not finished: b has 4 of 10 jobs"},
		{"not closed", open, 9, false, false, "not finished"},
		{"paused on the way", paused, 3, false, false, "not finished"},
		{"finished", active, 9, false, false, ""},
		{"paused when finished", paused, 9, false, false, ""},
		{"cancelled on the way", cancelled, 3, false, false, ""},
		{"unfinished, resumed", open, 3, true, true, ""},
		{"paused, resumed", paused, 9, true, true, ""}, // the batch may still be open
		{"finished, resumed", active, 9, true, true, ""},
		{"cancelled on the way, resumed", cancelled, 3, true, false, "takes no more: it is cancelled"},
	} {
		c := &cli{args: []string{"submit", "my list.csv"}}
		b := &stokerv1.Batch{Id: "b", State: tt.state, JobCount: tt.jobs, SkippedCount: 1}
		goOn, err := c.checkResume(b, 10, tt.resume)
		if goOn != tt.goOn || (err == nil) != (tt.refuse == "") || err != nil && !strings.Contains(err.Error(), tt.refuse) {
			t.Errorf("%s: %t, %v; want %t, %q", tt.name, goOn, err, tt.goOn, tt.refuse)
		}
		if e, ok := errors.AsType[*exitError](err); err != nil && (!ok || e.code != exitUsage) {
			t.Errorf("%s: %v has not exit code %d", tt.name, err, exitUsage)
		}
	}
}

func TestSameCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"stoker submit list.csv --resume":                          {"submit", "list.csv"},
		"stoker submit --resume list.csv -l team=vod":              {"submit", "--resume", "list.csv", "-l", "team=vod"},
		`stoker submit 'it'\''s.csv' --name '' --resume`:           {"submit", "it's.csv", "--name", ""},
		"stoker submit - --name 'night run; $HOME' --resume":       {"submit", "-", "--name", "night run; $HOME"},
		"stoker submit 'häxan.csv' --server '[::1]:7070' --resume": {"submit", "häxan.csv", "--server", "[::1]:7070"},
	} {
		if got := commandLine(args).again(true); got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

// Two commands can begin the same list at the same moment, before either finds the other's batch.
// With --resume they send the same request id.
func TestUploadsThatBeginTogether(t *testing.T) {
	f := &fake{empty: true}
	conn, err := client.Dial(f.start(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, resume := range []bool{true, false} {
		var ids []string
		for range 2 {
			s := &submission{resume: resume}
			s.request.Jobs = []*stokerv1.JobSpec{{Key: "a", InputPath: "a.mov", OutputPath: "a"}}
			if _, err := (&cli{stderr: io.Discard, getenv: os.Getenv}).sendParts(t.Context(), conn, s); err != nil {
				t.Fatal(err)
			}
			request, ok := f.last(t).(*stokerv1.SubmitBatchRequest)
			if !ok || request.GetLabels()[uploadLabel] == "" {
				t.Fatalf("asked last for %v, want a submission with the label of an upload", f.last(t))
			}
			ids = append(ids, request.GetRequestId())
		}
		if same := ids[0] == ids[1]; same != resume {
			t.Errorf("with resume %t the request ids are %q", resume, ids)
		}
	}
}

// The command that the user is told to go on with has to work.
func TestUploadTellsHowToGoOn(t *testing.T) {
	f := &fake{empty: true, refuse: status.Error(codes.ResourceExhausted, "the server's disk is full; nothing was stored")}
	conn, err := client.Dial(f.start(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for want, args := range map[string][]string{
		"To go on:\n  stoker submit a.csv --resume\n":           {"submit", "a.csv"},
		"To go on:\n  stoker submit a.csv --resume -w\n":        {"submit", "a.csv", "--resume", "-w"},
		"To go on:\n  stoker submit a.csv --request-id night\n": {"submit", "a.csv", "--request-id", "night"},
	} {
		s := &submission{}
		if slices.Contains(args, "--request-id") {
			s.request.RequestId = "night"
		}
		s.resume = slices.Contains(args, "--resume")
		var stderr strings.Builder
		if _, err := (&cli{args: args, stderr: &stderr, getenv: os.Getenv}).sendParts(t.Context(), conn, s); err == nil {
			t.Error("the upload succeeded")
		}
		if stderr.String() != want {
			t.Errorf("%q: %q, want %q", args, stderr.String(), want)
		}
	}
}

// Without an answer the user cannot know whether the list was stored. The command to go on with does
// not store it twice.
func TestSubmitTellsHowToGoOn(t *testing.T) {
	f := &fake{refuse: status.Error(codes.Canceled, "interrupted")}
	server := f.start(t)
	for _, more := range [][]string{{}, {"--resume"}, {"--request-id", "night"}, {"--dry-run"}} {
		args := append([]string{"submit", "-", "--server", server}, more...)
		got := command{stdin: "input_path\na.mov\n"}.run(t.Context(), args...)
		request, ok := f.last(t).(*stokerv1.SubmitBatchRequest)
		if !ok || request.GetRequestId() == "" {
			t.Fatalf("asked last for %v, want a submission with an id", f.last(t))
		}
		hint := "To go on, without submitting twice:\n  stoker " + strings.Join(args, " ")
		if len(more) == 0 {
			hint += " --request-id " + request.GetRequestId()
		}
		want := hint + "\nstoker: interrupted (Canceled)\n"
		if request.GetValidateOnly() {
			want = "stoker: interrupted (Canceled)\n"
		}
		if got.stderr != want || got.code != exitFailed {
			t.Errorf("%q: %+v, want %q", more, got, want)
		}
	}
}

// The digest changes with everything that changes the batch, and with nothing else.
func TestRequestDigest(t *testing.T) {
	request := func(change func(*stokerv1.SubmitBatchRequest)) string {
		r := &stokerv1.SubmitBatchRequest{
			DisplayName: "films", Labels: map[string]string{"team": "vod", "run": "night"},
			Jobs: []*stokerv1.JobSpec{{Key: "a", InputPath: "a.mov"}, {Key: "b", InputPath: "b.mov", Variables: map[string]string{"x": "1", "y": "2"}}},
		}
		change(r)
		digest, err := requestDigest(r)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	same := request(func(*stokerv1.SubmitBatchRequest) {})
	for name, change := range map[string]func(*stokerv1.SubmitBatchRequest){
		"nothing":    func(*stokerv1.SubmitBatchRequest) {},
		"request id": func(r *stokerv1.SubmitBatchRequest) { r.RequestId = "x" },
	} {
		if got := request(change); got != same {
			t.Errorf("%s changes the name", name)
		}
	}
	seen := map[string]string{same: "nothing"}
	for name, change := range map[string]func(*stokerv1.SubmitBatchRequest){
		"a job":      func(r *stokerv1.SubmitBatchRequest) { r.Jobs[1].InputPath = "c.mov" },
		"no job":     func(r *stokerv1.SubmitBatchRequest) { r.Jobs = r.GetJobs()[:1] },
		"order":      func(r *stokerv1.SubmitBatchRequest) { r.Jobs[0], r.Jobs[1] = r.GetJobs()[1], r.GetJobs()[0] },
		"label":      func(r *stokerv1.SubmitBatchRequest) { r.Labels["team"] = "news" },
		"priority 0": func(r *stokerv1.SubmitBatchRequest) { r.Priority = new(int32(0)) },
		"profile": func(r *stokerv1.SubmitBatchRequest) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: "p"}
		},
		"template": func(r *stokerv1.SubmitBatchRequest) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: "p"}
		},
		"skip":    func(r *stokerv1.SubmitBatchRequest) { r.SkipSucceeded = true },
		"storage": func(r *stokerv1.SubmitBatchRequest) { r.InputId = "i" },
		"folder":  func(r *stokerv1.SubmitBatchRequest) { r.OutputFolder = "kids" },
		"values":  func(r *stokerv1.SubmitBatchRequest) { r.Variables = map[string]string{"brand": "junior"} },
	} {
		digest := request(change)
		if other, taken := seen[digest]; taken {
			t.Errorf("%s leads to the same digest as %s", name, other)
		}
		seen[digest] = name
	}
}

// A new field of the contract has to be added to the digest, or left out on purpose.
func TestRequestDigestKnowsEveryField(t *testing.T) {
	known := 23 // of which the command does not use list
	if n := (&stokerv1.SubmitBatchRequest{}).ProtoReflect().Descriptor().Fields().Len(); n != known {
		t.Errorf("a submission has %d fields, the digest was made for %d: see requestDigest", n, known)
	}
}

// TestSubmitSkipSucceeded submits a list twice. The second time only the failed jobs run.
func TestSubmitSkipSucceeded(t *testing.T) {
	sim := &simulator.Simulator{
		Encoders: 4, Duration: 50 * time.Millisecond, Unlimited: true,
		Outcome: func(e simulator.Encoding, run int) simulator.Outcome {
			if strings.HasPrefix(e.InputPath(), "bad/") {
				return simulator.Outcome{Status: simulator.Error, Error: &simulator.TaskError{Code: 1, RetryHint: simulator.NoRetry}}
			}
			return simulator.Outcome{}
		},
	}
	env := serviceEnv(t, sim)
	env["STOKER_POLL_INTERVAL"] = "100ms"
	s := startService(t, env)
	// For the two without key it is their output path.
	list := "key,input_path\na,in/a.mov\n,in/b.mov\nc,bad/c.mov\n,bad/d.mov\n"
	submit := func(stdin string, args ...string) result {
		t.Helper()
		return command{stdin: stdin}.run(t.Context(), append([]string{"submit", "-", "--skip-succeeded", "--server", s.grpc}, args...)...)
	}
	if got := submit(list, "--watch"); got.code != exitFailed {
		t.Fatalf("first run: %+v, want exit code %d", got, exitFailed)
	}
	if got, want := submit(list, "--dry-run"), "standard input: 2 jobs (2 more have succeeded before), no mistakes; nothing was sent\n"; got.stderr != want {
		t.Errorf("dry run says %q, want %q", got.stderr, want)
	}
	got := submit(list, "--watch")
	if got.code != exitFailed || got.stderr != "2 standard input: 2 jobs (2 more have succeeded before) submitted\n" {
		t.Errorf("second run: %+v", got)
	}
	if got := submit("key,input_path\na,in/a.mov\n", "--watch"); got.code != exitOK {
		t.Errorf("with nothing left to do: %+v, want exit code %d", got, exitOK)
	}
	starts := map[string]int{}
	for _, e := range sim.Encodings() {
		starts[e.InputPath()] += len(e.Starts)
	}
	want := map[string]int{"in/a.mov": 1, "in/b.mov": 1, "bad/c.mov": 2, "bad/d.mov": 2}
	if diff := cmp.Diff(want, starts); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
}

// A short list is sent in one message, under the same request id with every --resume.
func TestSubmitResumeShort(t *testing.T) {
	f := &fake{}
	server := f.start(t)
	var ids []string
	for range 2 {
		got := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--resume", "--server", server)
		if got.code != exitOK {
			t.Fatal(got)
		}
		request, ok := f.last(t).(*stokerv1.SubmitBatchRequest)
		if !ok {
			t.Fatalf("asked last for %v", f.last(t))
		}
		ids = append(ids, request.GetRequestId())
	}
	if ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("request ids are %q, want twice the same", ids)
	}
	refused := status.New(codes.FailedPrecondition, "this request_id submitted batch 1, which was deleted")
	refused, err := refused.WithDetails(&errdetails.ErrorInfo{Domain: "stoker", Reason: "BATCH_DELETED"})
	if err != nil {
		t.Fatal(err)
	}
	f.refuse = refused.Err()
	deleted := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--resume", "--server", server)
	if deleted.code != exitUsage || !strings.Contains(deleted.stderr, "leave out --resume") || strings.Contains(deleted.stderr, "request_id") {
		t.Errorf("a batch that was deleted: %+v", deleted)
	}
	f.refuse = nil
	f.state = stokerv1.BatchState_BATCH_STATE_CANCELLED
	got := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--resume", "--server", server)
	if want := sample.BatchID + " night run had the whole list already, and is cancelled"; !strings.HasPrefix(got.stderr, want) {
		t.Errorf("a batch that was cancelled: %+v, want %q", got, want)
	}
}
