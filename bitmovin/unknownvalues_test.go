package bitmovin

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newLoggingClient returns a client of a handler and what it logs.
func newLoggingClient(t *testing.T, h http.Handler) (*Client, *bytes.Buffer) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	var log bytes.Buffer
	c, err := New(Options{
		BaseURL: srv.URL, APIKey: func() (string, error) { return "key", nil },
		Logger: slog.New(slog.NewTextHandler(io.MultiWriter(&log, t.Output()), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, &log
}

// names are the kinds and values that were noted, with how often.
func (u *UnknownValues) names() map[string]int64 {
	names := map[string]int64{}
	for _, v := range u.List(1000) {
		names[string(v.Kind)+" "+v.Value] = v.Count
	}
	return names
}

// Each kind of unknown value is noted wherever it is met, and logged once.
func TestUnknownValuesAreNoted(t *testing.T) {
	answers := map[string]string{
		"/encoding/encodings/e/status": `{"status":"PAUSED","newField":1,"progress":"much","queuedAt":"2026-01-02 03:04","runningAt":"","finishedAt":null,"createdAt":1767323045,"error":{"retryHint":"MAYBE","why":{}},
			"messages":[{"type":"FATAL","text":"t"}],"subtasks":[{"name":"Encoding","status":"IDLE"},{"name":"Dreaming","status":"RUNNING"}]}`,
		"/encoding/encodings": `{"items":[{"id":"a","type":"LATER","status":"TRANSFERRING"},{"id":"b","status":5}],"cursor":"x"}`,
	}
	c, log := newLoggingClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"status":"ERROR","data":{"code":4711,"details":[{"type":"ODD","text":"t"}]}}`)
			return
		}
		success(answers[r.URL.Path])(w, r)
	}))
	for range 2 {
		if _, err := c.ReadStatus(t.Context(), "e"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ListEncodings(t.Context(), EncodingQuery{}); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteEncoding(t.Context(), "e"); err == nil {
			t.Fatal("no error")
		}
	}
	want := map[string]int64{
		"status PAUSED": 2, "status IDLE": 2, "status TRANSFERRING": 2, "status 5": 2, "retry_hint MAYBE": 2,
		"message_type FATAL": 2, "message_type ODD": 2, "task_type Dreaming": 2, "encoding_type LATER": 2, "error_code 4711": 2,
		"field task.newField": 1, "field task.progress is a text": 1, "field task.error.why": 1,
		"field task.queuedAt is no time": 1, "field task.createdAt is a number": 1,
		"field page of encoding.cursor": 1, "field page of encoding.items.status is a number": 1,
	}
	if diff := cmp.Diff(want, c.Unknown().names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := strings.Count(log.String(), "\n"); n != len(want) {
		t.Errorf("%d lines in the log for %d values", n, len(want))
	}
}

// However many values the platform makes up, the memory and the log stay small, and no kind
// crowds out another.
func TestUnknownValuesAreBounded(t *testing.T) {
	n := 0
	c, log := newLoggingClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		success(fmt.Sprintf(`{"status":"S%d %s"}`, n, strings.Repeat("x", 10_000)))(w, r)
	}))
	for range 3 * maxUnknown {
		if _, err := c.ReadStatus(t.Context(), "e"); err != nil {
			t.Fatal(err)
		}
	}
	c.Unknown().Note(UnknownEvent, "NEWS\x1b[2J\n")
	if got := c.Unknown().Totals()[UnknownStatus]; got != 3*maxUnknown {
		t.Errorf("%d counted, want all %d", got, 3*maxUnknown)
	}
	all := c.Unknown().List(1000)
	if len(all) != maxUnknown+1 || log.Len() > 300*len(all) {
		t.Errorf("%d values are remembered, %d bytes logged", len(all), log.Len())
	}
	if last := all[len(all)-1]; last.Value != "NEWS [2J " || last.Kind != UnknownEvent {
		t.Errorf("the last is %+v", last)
	}
	if got := c.Unknown().List(20); len(got) != 20 || got[0].Value[:3] != "S1 " {
		t.Errorf("asked for 20: %d, the first is %v", len(got), got[0])
	}
}

// A code that is no number is seen, and takes nothing else of the refusal with it.
func TestOddErrorCode(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"status":"ERROR","data":{"code":"QUOTA","message":"no","details":[{"text":"why"}]}}`)
	}))
	err := c.StartEncoding(t.Context(), "e", nil, nil)
	if want := "POST /encoding/encodings/e/start: HTTP 400, code QUOTA: no"; err == nil || err.Error() != want {
		t.Errorf("err = %v, want %q", err, want)
	}
	if diff := cmp.Diff(map[string]int64{"error_code QUOTA": 1}, c.Unknown().names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
