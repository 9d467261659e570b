package bitmovin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// One odd value must not take the rest of the answer with it.
func TestDecodeIsTolerant(t *testing.T) {
	c := newTestClient(t, success(`{
		"status":"SHINY_NEW_STATE","progress":42.7,"eta":"soon","unknown":{"a":[1]},
		"queuedAt":"yesterday","runningAt":"2026-01-02T03:04:05.25Z","finishedAt":17,"createdAt":null,
		"messages":[{"type":"ODD","text":"t","date":"?"}],
		"error":{"code":"x","category":"C","text":"T"}}`))
	got, err := c.ReadStatus(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	want := Task{
		Status: "SHINY_NEW_STATE", Progress: 42,
		RunningAt: Time{time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC)},
		Messages:  []Message{{Type: "ODD", Text: "t"}},
		Error:     &TaskError{Category: "C", Text: "T (code x)"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Status.Terminal() {
		t.Error("an unknown status counts as terminal")
	}
}

// A status is known in exactly its spelling. Everything else is kept, to be seen, and is not
// taken for anything, least of all for trouble of the platform.
func TestUnknownStatus(t *testing.T) {
	for sent, want := range map[string]Status{
		`{"status":"PAUSED"}`: "PAUSED", `{"status":"running"}`: "running", `{"status":" RUNNING"}`: " RUNNING",
		`{"status":"RUNNING\u0000"}`: "RUNNING ", `{"status":7}`: "7", `{"status":{"is":"RUNNING"}}`: `{"is":"RUNNING"}`,
		`{"status":["FINISHED"]}`: `["FINISHED"]`, `{"status":true}`: "true", `{"status":""}`: "", `{"status":null}`: "", `{}`: "",
		`{"status":"` + strings.Repeat("ä", 80) + `"}`: Status(strings.Repeat("ä", 50)),
	} {
		c := newTestClient(t, success(sent))
		got, err := c.ReadStatus(t.Context(), "e")
		if err != nil || got.Status != want || got.Status.Known() || got.Status.Terminal() {
			t.Errorf("%s: status %q, %v, want %q", sent, got.Status, err, want)
		}
		if n := c.Unknown().Totals()[UnknownStatus]; n != 1 {
			t.Errorf("%s: %d unknown statuses were noted, want 1", sent, n)
		}
	}
}

// A failed run's reason is read as far as it can be: an error of any type is an error.
func TestOddTaskError(t *testing.T) {
	for sent, want := range map[string]*TaskError{
		`null`: nil, `{}`: {}, `"out of disk"`: {Text: "out of disk"}, `5`: {Text: "5"}, `[1]`: {Text: "[1]"},
		`{"code":"91006","text":7,"retryHint":["NO_RETRY"]}`: {Code: 91006, RetryHint: `["NO_RETRY"]`},
		`{"code":1e99,"text":"t"}`:                           {Text: "t (code 1e99)"},
		`{"code":91000,"retryHint":"no_retry"}`:              {Code: 91000, RetryHint: "no_retry"},
	} {
		c := newTestClient(t, success(`{"status":"ERROR","error":`+sent+`}`))
		got, err := c.ReadStatus(t.Context(), "e")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Error); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sent, diff)
		}
	}
}

func TestPercent(t *testing.T) {
	for in, want := range map[string]Percent{
		"0": 0, "42": 42, "99.9": 99, "100": 100, "250": 100, "-3": 0, "1e400": 0, `"17"`: 17, `"?"`: 0, "null": 0, "[]": 0,
	} {
		var got Percent
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", in, got, err, want)
		}
	}
}

func TestTask(t *testing.T) {
	task := Task{ETASeconds: 1.5, Messages: []Message{
		{Type: MessageInfo, Text: "a"}, {Type: MessageError, Text: "b"}, {Type: MessageError}, {Type: MessageError, Text: "c"},
	}}
	if diff := cmp.Diff([]string{"b", "c"}, task.ErrorTexts()); diff != "" {
		t.Errorf("error texts (-want +got)\n%s", diff)
	}
	if got := task.ETA(); got != 1500*time.Millisecond {
		t.Errorf("ETA = %v", got)
	}
	for _, odd := range []float64{-1, 0} {
		if got := (Task{ETASeconds: odd}).ETA(); got != 0 {
			t.Errorf("ETA of %v = %v, want 0", odd, got)
		}
	}
}

// FuzzDecode holds the decoder to its promise: it never panics; it succeeds only on a success
// envelope with a usable result; whatever else arrives is an error of a known kind.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `<html>`, `{"status":"SUCCESS"}`, `{"status":"SUCCESS","data":null}`,
		`{"status":"SUCCESS","data":{"result":{"id":"1","status":"QUEUED"}}}`,
		`{"status":"SUCCESS","data":{"result":{"id":1,"status":"QUEUED","createdAt":"x","progress":1e99}}}`,
		`{"status":"SUCCESS","data":{"result":{"items":[{"id":"a"},{},3,null],"totalCount":1e30,"next":7}}}`,
		`{"status":"ERROR","data":{"code":8004,"details":[null,{"text":5}],"links":[{}]}}`,
		`{"status":"ERROR","data":"text"}`, `{"status":["SUCCESS"],"data":{"result":{}}}`,
	} {
		f.Add(200, []byte(seed))
		f.Add(503, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := response{method: "GET", path: "/x", status: status, header: http.Header{}, body: body, redact: redactor{[]Secret{"zq"}}}
		var enc Encoding
		var task Task
		var page pageBody[Encoding]
		for _, out := range []any{&enc, &task, &page, nil} {
			err := a.decode(out)
			if err == nil {
				if status < 200 || status > 299 || !json.Valid(body) {
					t.Errorf("status %d, body %q: decoded without error", status, body)
				}
				if r, ok := out.(identified); ok {
					if field, value := r.requiredField(); value == "" {
						t.Errorf("body %q: success without %s", body, field)
					}
				}
				continue
			}
			_, api := errors.AsType[*APIError](err)
			_, gateway := errors.AsType[*GatewayError](err)
			if !api && !gateway {
				t.Errorf("err is %T", err)
			}
			if status >= 500 && !Outage(err) {
				t.Errorf("status %d is no outage: %v", status, err)
			}
		}
	})
}
