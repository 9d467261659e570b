package bitmovin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const mib = 1 << 20

// long is a text of n bytes with a beginning and an end of its own.
func long(n int) string { return "BEGIN" + strings.Repeat("x", n-8) + "END" }

// quoted is a value as JSON.
func quoted(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// cut reports whether text has been cut to limit and still has its beginning and its end.
func cut(text string, limit int) bool {
	return len(text) <= limit && strings.HasPrefix(text, "BEGIN") && strings.HasSuffix(text, "END") && strings.Contains(text, "bytes left out")
}

func TestLongRefusal(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"requestId":` + quoted(long(mib)) + `,"status":"ERROR","data":{"code":1001,"message":` + quoted(long(3*mib)) +
			`,"developerMessage":` + quoted(long(2*mib)) + `,"details":[{"text":` + quoted(long(mib)) + `}` + strings.Repeat(`,{"text":"d"}`, 5_000) + `]}}`))
	}))
	_, err := c.ReadStatus(t.Context(), "e")
	e, ok := errors.AsType[*APIError](err)
	if !ok || !Unauthorized(err) {
		t.Fatalf("err = %.200v, want a refusal", err)
	}
	if !cut(e.Message, maxText) || !cut(e.DeveloperMessage, maxText) || !cut(e.RequestID, maxValue) || !cut(e.Details[0].Text, maxText) {
		t.Errorf("message, developer's message, request id and detail have %d, %d, %d and %d bytes",
			len(e.Message), len(e.DeveloperMessage), len(e.RequestID), len(e.Details[0].Text))
	}
	if len(e.Details) > maxTextCount {
		t.Errorf("%d details are kept", len(e.Details))
	}
	if n := len(err.Error()); n > 2*maxText {
		t.Errorf("the error has %d bytes", n)
	}
}

func TestLongStatus(t *testing.T) {
	c := newTestClient(t, success(`{"status":`+quoted(long(mib))+`,"messages":[{"type":"ERROR","text":`+quoted(long(2*mib))+`}`+strings.Repeat(`,{"type":"ERROR","text":"m"}`, 5_000)+
		`],"error":{"code":1,"category":`+quoted(long(mib))+`,"text":`+quoted(long(mib))+`,"retryHint":`+quoted(long(mib))+`}}`))
	task, err := c.ReadStatus(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	e := task.Error
	if len(task.Status) > maxValue || !cut(e.Category, maxText) || !cut(e.Text, maxText) || len(e.RetryHint) > maxValue || !cut(task.Messages[0].Text, maxText) {
		t.Errorf("status, category, text, hint and message have %d, %d, %d, %d and %d bytes",
			len(task.Status), len(e.Category), len(e.Text), len(e.RetryHint), len(task.Messages[0].Text))
	}
	if len(task.Messages) > maxTextCount {
		t.Errorf("%d messages are kept", len(task.Messages))
	}
}

// What is longer than any id cannot be used as one: a part of it would be another's.
func TestOverlongID(t *testing.T) {
	c := newTestClient(t, success(`{"id":`+quoted(long(mib))+`}`))
	_, err := c.CreateEncoding(t.Context(), Encoding{Name: "n"}, nil)
	if _, ok := errors.AsType[*GatewayError](err); !ok || !Ambiguous(err) {
		t.Errorf("an encoding with an overlong id: err = %.200v, want an unreadable answer", err)
	}
	c = newTestClient(t, success(`{"items":[{"id":`+quoted(long(mib))+`},{"id":"a","name":`+quoted(long(mib))+`,"status":`+quoted(long(mib))+`}]}`))
	page, err := c.ListEncodings(t.Context(), EncodingQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 1 || page.Items[0].ID != "a" || !cut(page.Items[0].Name, maxText) || len(page.Items[0].Status) > maxValue {
		t.Errorf("the list has %d items", len(page.Items))
	}
	if _, err := ParseWebhook([]byte(`{"eventType":"ENCODING_ERROR","resourceId":` + quoted(long(1_000)) + `}`)); err == nil {
		t.Error("a delivery about an encoding with an overlong id is taken")
	}
}

// TestLongBrokenAnswer has something on the way answer with headers that are none.
func TestLongBrokenAnswer(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }() // the client may have left
		_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\n" + long(mib) + "\r\n\r\n")
		_ = buffer.Flush()
	}))
	defer web.Close()
	c := mustNew(t, Options{BaseURL: web.URL, APIKey: fixedKey(testKey)})
	_, err := c.ReadStatus(t.Context(), "e")
	if _, ok := errors.AsType[*TransportError](err); !ok {
		t.Fatalf("err = %.200v, want a TransportError", err)
	}
	if n := len(err.Error()); n > 2*maxText {
		t.Errorf("the error has %d bytes", n)
	}
}
