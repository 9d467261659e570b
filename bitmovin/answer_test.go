package bitmovin

import (
	"encoding/json"
	"errors"
	"net/http"
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
	got, err := c.Status(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	want := Task{
		Status: "SHINY_NEW_STATE", Progress: 42,
		RunningAt: Time{time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC)},
		Messages:  []Message{{Type: "ODD", Text: "t"}},
		Error:     &TaskError{Category: "C", Text: "T"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Status.Terminal() {
		t.Error("an unknown status counts as terminal")
	}
}

func TestStatusWithoutStatusIsUnreadable(t *testing.T) {
	c := newTestClient(t, success(`{"id":"e","progress":100}`))
	_, err := c.Status(t.Context(), "e")
	if _, ok := errors.AsType[*GatewayError](err); !ok {
		t.Errorf("err = %v, want a GatewayError", err)
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
		a := answer{method: "GET", path: "/x", status: status, header: http.Header{}, body: body, redact: redactor{[]Secret{"zq"}}}
		var enc Encoding
		var task Task
		var page pageBody[Encoding]
		for _, out := range []any{&enc, &task, &page, nil} {
			err := a.decode(out)
			if err == nil {
				if status < 200 || status > 299 || !json.Valid(body) {
					t.Errorf("status %d, body %q: decoded without error", status, body)
				}
				if r, ok := out.(required); ok {
					if field, value := r.required(); value == "" {
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
