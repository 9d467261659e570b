package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/webhook"
)

const key = bitmovin.Secret("a key of some length")

// endpoint is a receiver behind a mux, as in the service.
type endpoint struct {
	t        *testing.T
	receiver *webhook.Receiver
	mux      *http.ServeMux
	hints    []string
	webhooks map[string]job.Webhooks
	log      bytes.Buffer
}

func newEndpoint(t *testing.T, accounts ...string) *endpoint {
	t.Helper()
	e := &endpoint{t: t, mux: http.NewServeMux(), webhooks: map[string]job.Webhooks{}}
	c := webhook.Config{
		Store:  e,
		Logger: slog.New(slog.NewTextHandler(io.MultiWriter(&e.log, t.Output()), nil)),
	}
	for _, id := range accounts {
		c.Accounts = append(c.Accounts, webhook.Account{ID: id, Key: key})
	}
	var err error
	if e.receiver, err = webhook.New(c); err != nil {
		t.Fatal(err)
	}
	e.mux.Handle(webhook.Pattern, e.receiver)
	return e
}

func (e *endpoint) HintEncoding(account, encoding string) {
	e.hints = append(e.hints, account+": "+encoding)
}

func (e *endpoint) PublishWebhooks(account string, w job.Webhooks) { e.webhooks[account] = w }

func (e *endpoint) RemoveWebhooks(account string) { delete(e.webhooks, account) }

// deliver posts a body and returns the status of the answer, which says nothing more.
func (e *endpoint) deliver(account, body, signature string) int {
	e.t.Helper()
	address, err := url.Parse(webhook.Address("http://stoker.example/", account))
	if err != nil {
		e.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, address.RequestURI(), strings.NewReader(body))
	if signature != "" {
		r.Header.Set("Bitmovin-Signature", signature)
	}
	w := httptest.NewRecorder()
	e.mux.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		e.t.Errorf("the answer %d says %q, want nothing", w.Code, w.Body)
	}
	return w.Code
}

func sign(key bitmovin.Secret, body string) string {
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// event is the body of a delivery about an encoding.
func event(id, encoding string, at time.Time) string {
	return fmt.Sprintf(`{"eventId":%q,"eventType":"ENCODING_FINISHED","triggeredForResourceId":%q,"triggeredAt":%q}`,
		id, encoding, at.UTC().Format(time.RFC3339Nano))
}

func TestDeliveries(t *testing.T) {
	now := time.Now()
	good := event("1", "enc", now)
	long := event("1", strings.Repeat("e", 64<<10), now)
	used, ignored, rejected := job.Webhooks{UsedCount: 1}, job.Webhooks{IgnoredCount: 1}, job.Webhooks{RejectedCount: 1}
	for _, tt := range []struct {
		name, account, body, signature string
		status                         int
		want                           job.Webhooks
	}{
		{"good", "a", good, sign(key, good), 200, used},
		{"upper case", "a", good, strings.ToUpper(sign(key, good)), 200, used},
		{"account with a slash", "b/c d", good, sign(key, good), 200, used},
		{"unsigned", "a", good, "", 401, rejected},
		{"other key", "a", good, sign("another", good), 401, rejected},
		{"no key", "a", good, sign("", good), 401, rejected},
		{"other body", "a", good + " ", sign(key, good), 401, rejected},
		{"half a signature", "a", good, sign(key, good)[:64], 401, rejected},
		{"no signature at all", "a", good, strings.Repeat("z", 128), 401, rejected},
		{"too long", "a", long, sign(key, long), 400, rejected},
		{"not JSON", "a", "<html>", sign(key, "<html>"), 400, rejected},
		{"a list", "a", "[]", sign(key, "[]"), 400, rejected},
		{"no event type", "a", "{}", "", 200, ignored},
		{"no event type, about an encoding", "a", strings.Replace(good, "eventType", "kind", 1), "", 200, used},
		{"event type that nobody knows", "a", strings.Replace(good, "ENCODING_FINISHED", "TRANSFER_RESUMED", 1), "", 200, used},
		{"event type that is no text", "a", strings.Replace(good, `"ENCODING_FINISHED"`, `{"is":7}`, 1), "", 200, used},
		{"event type that nobody knows, too old", "a", strings.Replace(event("1", "enc", now.Add(-time.Hour)), "FINISHED", "RESUMED", 1), "", 200, ignored},
		{"minutes ago", "a", event("1", "enc", now.Add(-9*time.Minute)), "", 200, used},
		{"clock behind", "a", event("1", "enc", now.Add(9*time.Minute)), "", 200, used},
		{"too old", "a", event("1", "enc", now.Add(-11*time.Minute)), "", 200, ignored},
		{"from the future", "a", event("1", "enc", now.Add(11*time.Minute)), "", 200, ignored},
		{"of no time", "a", `{"eventId":"1","eventType":"ENCODING_ERROR","resourceId":"enc"}`, "", 200, ignored},
		{"about a manifest", "a", `{"eventId":"1","eventType":"MANIFEST_FINISHED","resourceId":"m"}`, "", 200, ignored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEndpoint(t, "a", "b/c d")
			signature := tt.signature
			if signature == "" && tt.status == http.StatusOK {
				signature = sign(key, tt.body)
			}
			if status := e.deliver(tt.account, tt.body, signature); status != tt.status {
				t.Errorf("answered with %d, want %d", status, tt.status)
			}
			var hints []string
			if tt.want.UsedCount > 0 {
				hints = []string{tt.account + ": enc"}
			}
			if diff := cmp.Diff(hints, e.hints); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
			got := e.webhooks[tt.account]
			if got.LastUsedTime.IsZero() == (tt.want.UsedCount > 0) {
				t.Errorf("last used at %v with %d used", got.LastUsedTime, got.UsedCount)
			}
			got.LastUsedTime = time.Time{}
			if got != tt.want {
				t.Errorf("status %+v, want %+v", got, tt.want)
			}
		})
	}
}

// An account that there is not is answered like a wrong signature.
func TestUnknownAccount(t *testing.T) {
	e := newEndpoint(t, "a")
	body := event("1", "enc", time.Now())
	if status := e.deliver("b", body, sign(key, body)); status != http.StatusUnauthorized {
		t.Errorf("answered with %d, want 401", status)
	}
	if _, ok := e.webhooks["b"]; ok || len(e.hints) > 0 {
		t.Errorf("account b is known, hints %v", e.hints)
	}
}

func TestMethods(t *testing.T) {
	e := newEndpoint(t, "a")
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		w := httptest.NewRecorder()
		e.mux.ServeHTTP(w, httptest.NewRequest(method, "/webhooks/bitmovin/a", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: answered with %d, want 405", method, w.Code)
		}
	}
}

func TestReplays(t *testing.T) {
	e := newEndpoint(t, "a", "b")
	now := time.Now()
	first, unnamed := event("1", "enc", now), event("", "enc", now)
	for _, body := range []string{first, first, unnamed, unnamed, event("2", "enc", now)} {
		if status := e.deliver("a", body, sign(key, body)); status != http.StatusOK {
			t.Errorf("answered with %d, want 200", status)
		}
	}
	if diff := cmp.Diff([]string{"a: enc", "a: enc", "a: enc"}, e.hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	// Each account has a memory of its own.
	e.deliver("b", first, sign(key, first))
	if n := len(e.hints); n != 4 {
		t.Errorf("%d rings, want 4", n)
	}
}

// Events of types that nobody knew are noted, if they are signed, and rung for once.
func TestUnknownEventsAreNoted(t *testing.T) {
	client, err := bitmovin.New(bitmovin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{t: t, mux: http.NewServeMux(), webhooks: map[string]job.Webhooks{}}
	e.receiver, err = webhook.New(webhook.Config{
		Store:    e,
		Accounts: []webhook.Account{{ID: "a", Key: key, Unknown: client.Unknown()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.mux.Handle(webhook.Pattern, e.receiver)
	odd := strings.Replace(event("1", "enc", time.Now()), "ENCODING_FINISHED", "TRANSFER_RESUMED", 1)
	e.deliver("a", odd, sign("another key", odd))
	if got := client.Unknown().List(10); len(got) != 0 {
		t.Errorf("what was not signed was noted: %v", got)
	}
	for _, body := range []string{odd, odd, event("2", "enc", time.Now()), `{"eventId":"3","eventType":"MANIFEST_FINISHED","resourceId":"m"}`} {
		e.deliver("a", body, sign(key, body))
	}
	got := client.Unknown().List(10)
	if len(got) != 1 || got[0].Kind != bitmovin.UnknownEvent || got[0].Value != "TRANSFER_RESUMED" || got[0].Count != 2 {
		t.Errorf("noted: %+v", got)
	}
	if diff := cmp.Diff([]string{"a: enc", "a: enc"}, e.hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

// Who floods the endpoint does not flood the log.
func TestForgeriesAreLoggedOnceAMinute(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := newEndpoint(t, "a")
		for range 120 {
			e.deliver("a", "{}", "")
			e.deliver("nobody", "{}", "")
			time.Sleep(time.Second)
		}
		if n := strings.Count(e.log.String(), "\n"); n != 4 {
			t.Errorf("%d lines after 2 minutes of forgeries at 2 accounts, want 4", n)
		}
		if strings.Contains(e.log.String(), string(key)) {
			t.Error("the log tells the key")
		}
	})
}

func TestNewWantsAKey(t *testing.T) {
	if _, err := webhook.New(webhook.Config{Accounts: []webhook.Account{{ID: "a"}}}); err == nil {
		t.Error("an account without a key is taken")
	}
}

// Whatever is posted gets an answer, and rings only if it names an encoding and a time.
func FuzzDeliveries(f *testing.F) {
	for _, body := range []string{"", "{}", "[]", `{"eventType":5}`, event("1", "enc", time.Now()), event("", "", time.Now())} {
		f.Add(body, sign(key, body))
		f.Add(body, "")
	}
	f.Fuzz(func(t *testing.T, body, signature string) {
		e := newEndpoint(t, "a")
		if status := e.deliver("a", body, signature); status == http.StatusOK && !strings.EqualFold(strings.TrimSpace(signature), sign(key, body)) {
			t.Errorf("%q was taken with the signature %q", body, signature)
		}
		switch status := e.deliver("a", body, sign(key, body)); status {
		case http.StatusOK, http.StatusBadRequest:
		default:
			t.Errorf("%q was answered with %d, signed as it was", body, status)
		}
		if len(e.hints) > 1 {
			t.Errorf("%q used %d times", body, len(e.hints))
		}
	})
}
