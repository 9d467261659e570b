package gateway_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

// submit stores a batch of some jobs and returns its id.
func (f *face) submit(jobs string) string {
	f.t.Helper()
	got := f.call("BatchService/SubmitBatch", `{"jobs": [`+jobs+`]}`)
	batch, _ := got.json(f.t)["batch"].(map[string]any)
	id, _ := batch["id"].(string)
	if id == "" {
		f.t.Fatalf("%s %s", got.Status, got.body)
	}
	return id
}

// fail has a job of a batch fail for good.
func (f *face) fail(batch string, number int64) {
	f.t.Helper()
	for _, step := range []func(*job.Update, time.Time) error{
		func(u *job.Update, now time.Time) error { return u.Configured("enc", nil, now) },
		func(u *job.Update, now time.Time) error { return u.BeginStart(now) },
		func(u *job.Update, now time.Time) error { return u.StartAccepted(now) },
		func(u *job.Update, now time.Time) error {
			return u.Observe(job.Observation{EncodingID: "enc", Status: job.RemoteError, Failure: &job.Failure{}}, job.Rules{}, now)
		},
	} {
		now := time.Now()
		if _, err := f.store.UpdateJob(f.t.Context(), job.ID{Batch: batch, Number: number}, now, func(u *job.Update) error { return step(u, now) }); err != nil {
			f.t.Fatal(err)
		}
	}
}

// lineReader reads the lines of an answer.
type lineReader struct {
	t       *testing.T
	scanner *bufio.Scanner
}

func readLines(t *testing.T, resp opened) *lineReader {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type is %q", got)
	}
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 8<<20)
	return &lineReader{t, s}
}

// next is the next line; nil at the end.
func (l *lineReader) next() map[string]any {
	l.t.Helper()
	if !l.scanner.Scan() {
		if err := l.scanner.Err(); err != nil {
			l.t.Fatal(err)
		}
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(l.scanner.Bytes(), &m); err != nil {
		l.t.Fatalf("%v: %s", err, l.scanner.Text())
	}
	return m
}

// A watch as plain JSON is one message a line, each as soon as it is there, and ends with the batch.
func TestWatchAsLines(t *testing.T) {
	for _, withTLS := range []bool{false, true} {
		f := newFace(t, withTLS)
		id := f.submit(`{"input_path": "a.mov"}, {"input_path": "b.mov"}`)
		resp := f.open(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", `{"batch_id": "`+id+`", "include_jobs": true}`, "Content-Type", "application/json")
		if want := 1 + map[bool]int{true: 1}[withTLS]; resp.ProtoMajor != want {
			t.Errorf("spoke %s", resp.Proto)
		}
		lines := readLines(t, resp)
		if first := lines.next(); first["snapshot"] != true || first["cursor"] == "" {
			t.Fatalf("the first line is %v, want a snapshot", first)
		}
		f.fail(id, 1)
		if second := lines.next(); second["jobs"] == nil { // before the batch has ended: nothing is held back
			t.Fatalf("the second line is %v, want a job", second)
		}
		f.fail(id, 2)
		var last map[string]any
		for line := lines.next(); line != nil; line = lines.next() {
			last = line
		}
		batch, _ := last["batch"].(map[string]any)
		if batch["state"] != "BATCH_STATE_FAILED" {
			t.Errorf("the last line is %v, want the end of the batch", last)
		}
	}
}

// An error is the last line, and the status if it is the only one.
func TestErrorsOfWatchesAsLines(t *testing.T) {
	f := newFace(t, false)
	got := f.call("BatchService/WatchBatch", `{"batch_id": "nope"}`)
	if got.StatusCode != http.StatusNotFound || got.failure(t).Code != "not_found" || strings.Count(got.body, "\n") != 1 {
		t.Errorf("%s %s", got.Status, got.body)
	}
	got = f.call("BatchService/WatchBatch", `{"batch_id": "nope", "states": ["JOB_STATE_FAILED"]}`)
	if got.StatusCode != http.StatusBadRequest || got.failure(t).violations(t) == "" {
		t.Errorf("%s %s", got.Status, got.body)
	}
	got = f.do(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", strings.Repeat(" ", 2<<20)+"{}", "Content-Type", "application/json")
	if got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a request of 2 MiB: %s %.200s", got.Status, got.body)
	}
	got = f.do(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", "{}", "Content-Type", "application/json", "Content-Encoding", "br")
	if got.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a compressed request: %s %.200s", got.Status, got.body)
	}

	id := f.submit(`{"input_path": "a.mov"}`)
	lines := readLines(t, f.open(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", `{"batch_id": "`+id+`"}`, "Content-Type", "application/json"))
	lines.next()
	f.server.Shutdown()
	failure, _ := lines.next()["error"].(map[string]any)
	if failure["code"] != "unavailable" || !strings.Contains(string(mustJSON(t, failure)), "google.rpc.RetryInfo") || lines.next() != nil {
		t.Errorf("the last line is %v, want unavailable with RetryInfo", failure)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Over HTTP/2 many watches share one connection.
func TestManyWatchesOnOneConnection(t *testing.T) {
	f := newFace(t, true)
	id := f.submit(`{"input_path": "a.mov"}`)
	var all []*lineReader
	for range 20 {
		all = append(all, readLines(t, f.open(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", `{"batch_id": "`+id+`"}`, "Content-Type", "application/json")))
	}
	for _, lines := range all {
		lines.next()
	}
	f.fail(id, 1)
	for i, lines := range all {
		if lines.next() == nil {
			t.Errorf("watch %d saw no change", i)
		}
	}
}
