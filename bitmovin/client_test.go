package bitmovin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

const testKey = "k-0123456789-secret"

// fixedKey returns a key func for [Options].
func fixedKey(key string) func() (string, error) {
	return func() (string, error) { return key, nil }
}

// newTestClient returns a client of a server that runs h.
func newTestClient(t *testing.T, h http.Handler) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return mustNew(t, Options{BaseURL: srv.URL + "/v1", APIKey: fixedKey(testKey)})
}

func mustNew(t *testing.T, opts Options) *Client {
	t.Helper()
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// handlerTransport serves requests in the caller's goroutine, which keeps synctest bubbles
// free of sockets.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, context.Cause(r.Context())
	}
	return w.Result(), nil
}

// success answers every request with a result.
func success(result string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"requestId":"r","status":"SUCCESS","data":{"result":`+result+`}}`)
	}
}

func TestNewRefusesBaseURL(t *testing.T) {
	for _, base := range []string{"api.bitmovin.com/v1", "ftp://host/v1", "http://", "http://user:pw@host/v1", "http://host/v1?x=y", "http://ho st"} {
		if c, err := New(Options{BaseURL: base}); err == nil {
			t.Errorf("New with base URL %q = %+v, want an error", base, c.base)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("error %q shows the password", err)
		}
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		success(`{}`)(w, r)
	}))
	c.tenant = "org-1"
	if err := c.StartEncoding(t.Context(), "a b/c", nil, nil); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.RequestURI != "/v1/encoding/encodings/a%20b%2Fc/start" {
		t.Errorf("got %s %s", got.Method, got.RequestURI)
	}
	for header, want := range map[string]string{
		"X-Api-Key": testKey, "X-Tenant-Org-Id": "org-1", "User-Agent": "stoker",
		"Content-Type": "application/json", "Accept": "application/json",
	} {
		if v := got.Header.Get(header); v != want {
			t.Errorf("header %s = %q, want %q", header, v, want)
		}
	}
	if string(body) != "{}" {
		t.Errorf("body of a start without request = %q, want {}", body)
	}
}

func TestKeyIsReadForEachCall(t *testing.T) {
	var seen []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("X-Api-Key"))
		success(`{}`)(w, r)
	})
	keys := []string{"first\n", "second"}
	c := mustNew(t, Options{HTTPClient: &http.Client{Transport: handlerTransport{h}}, APIKey: func() (string, error) {
		key := keys[0]
		keys = keys[1:]
		return key, nil
	}})
	for range 2 {
		if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(seen, ","); got != "first,second" {
		t.Errorf("keys sent: %s, want first,second", got)
	}
}

func TestNoAPIKey(t *testing.T) {
	broken := errors.New("permission denied")
	for name, key := range map[string]func() (string, error){
		"no func":   nil,
		"empty":     fixedKey(" \n"),
		"error":     func() (string, error) { return "", broken },
		"malformed": fixedKey("a\nb"),
	} {
		t.Run(name, func(t *testing.T) {
			c := mustNew(t, Options{APIKey: key, HTTPClient: &http.Client{Transport: handlerTransport{
				http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }),
			}}})
			err := c.Ping(t.Context())
			if !errors.Is(err, ErrNoAPIKey) || !Unauthorized(err) || !Outage(err) || Ambiguous(err) {
				t.Errorf("err = %v: want ErrNoAPIKey, unauthorized, an outage, not ambiguous", err)
			}
			if name == "error" && !errors.Is(err, broken) {
				t.Errorf("err = %v hides why the key could not be read", err)
			}
		})
	}
}

func TestMissingIDSendsNothing(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("sent %s %s", r.Method, r.URL)
	}))
	for _, id := range []EncodingID{"", ".", ".."} {
		for name, err := range map[string]error{
			"delete": c.DeleteEncoding(t.Context(), id),
			"start":  c.StartEncoding(t.Context(), id, nil, nil),
		} {
			if err == nil || Outage(err) || Ambiguous(err) {
				t.Errorf("%s of encoding %q: err = %v, want one about the argument", name, id, err)
			}
		}
	}
}

// A redirect followed would hand the key to another host.
func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed with key %q", r.Header.Get("X-Api-Key"))
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := newTestClient(t, http.RedirectHandler(other.URL, status))
		_, err := c.CreateEncoding(t.Context(), Encoding{Name: "x"}, nil)
		if e, ok := errors.AsType[*GatewayError](err); !ok || e.Status != status {
			t.Errorf("redirect %d: err = %v, want a GatewayError with that status", status, err)
		}
		if err := c.Ping(t.Context()); !Outage(err) {
			t.Errorf("redirect %d of a GET: err = %v, want an outage", status, err)
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	c := mustNew(t, Options{BaseURL: "http://" + addr, APIKey: fixedKey(testKey)})
	err = c.StartEncoding(t.Context(), "e", nil, nil)
	e, ok := errors.AsType[*TransportError](err)
	if !ok || e.Sent {
		t.Fatalf("err = %v (%+v), want a TransportError that says nothing was sent", err, e)
	}
	if Ambiguous(err) || !Outage(err) {
		t.Errorf("err = %v: want an outage that is not ambiguous", err)
	}
	if strings.Count(err.Error(), "/encoding/encodings/e/start") != 1 {
		t.Errorf("error %q does not name the call exactly once", err)
	}
}

// rawServer answers each connection with what serve writes after the request was read.
func rawServer(t *testing.T, serve func(conn net.Conn, n int)) (url string, requests *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int32)
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					n := int(requests.Add(1))
					serve(conn, n)
					if n > 1 {
						return
					}
				}
			})
		}
	})
	return "http://" + ln.Addr().String(), requests
}

func TestCutAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"before the answer": "",
		"in the header":     "HTTP/1.1 200 OK\r\nContent-Le",
		"in the body":       "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"requestId\":",
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := rawServer(t, func(conn net.Conn, _ int) {
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			})
			c := mustNew(t, Options{BaseURL: url, APIKey: fixedKey(testKey)})
			err := c.StartEncoding(t.Context(), "e", nil, nil)
			if e, ok := errors.AsType[*TransportError](err); !ok || !e.Sent {
				t.Errorf("err = %v, want a TransportError with Sent", err)
			}
			if !Ambiguous(err) || !Outage(err) {
				t.Errorf("err = %v: want an ambiguous outage", err)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("the request arrived %d times, want once", n)
			}
		})
	}
}

// The server answers a first call, then takes a POST on the kept connection and closes it.
// That is where net/http would send a replayable request again.
func TestPostOnReusedConnectionIsNotRepeated(t *testing.T) {
	url, requests := rawServer(t, func(conn net.Conn, n int) {
		if n == 1 {
			body := `{"status":"SUCCESS","data":{"result":{}}}`
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n"+body)
			return
		}
		_ = conn.Close()
	})
	c := mustNew(t, Options{BaseURL: url, APIKey: fixedKey(testKey)})
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := c.StartEncoding(t.Context(), "e", &StartRequest{}, nil)
	if !Ambiguous(err) {
		t.Errorf("err = %v, want an ambiguous one", err)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests arrived, want 2: one ping and one start", n)
	}
}

func TestPostOffersNoSecondBody(t *testing.T) {
	c := mustNew(t, Options{APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: handlerTransport{
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && (r.GetBody != nil || r.Body == nil || r.Body == http.NoBody) {
				t.Errorf("%s can be sent again by the transport", r.URL.Path)
			}
			success(`{"id":"1"}`)(w, r)
		}),
	}}})
	_ = c.StopEncoding(t.Context(), "e")
	_ = c.StartEncoding(t.Context(), "e", nil, nil)
	_, _ = c.CreateEncoding(t.Context(), Encoding{Name: "x"}, nil)
}

func TestTimeout(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := mustNew(t, Options{APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: handlerTransport{
			http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		}}})
		begin := time.Now()
		err := c.StartEncoding(t.Context(), "e", nil, nil)
		if got := time.Since(begin); got != DefaultTimeout {
			t.Errorf("gave up after %v, want %v", got, DefaultTimeout)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !Ambiguous(err) {
			t.Errorf("err = %v, want an ambiguous time-out", err)
		}
	})
}

// A transport that does not report on its connections proves nothing about having sent.
func TestSentUnlessProven(t *testing.T) {
	c := mustNew(t, Options{APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: roundTripper(
		func(*http.Request) (*http.Response, error) { return nil, errors.New("odd") },
	)}})
	if err := c.StartEncoding(t.Context(), "e", nil, nil); !Ambiguous(err) {
		t.Errorf("err = %v, want an ambiguous one", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestContextEndsWhileWaitingForBudget(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := mustNew(t, Options{
			APIKey: fixedKey(testKey), Governor: NewGovernor(Limits{ClassStart: 1}),
			HTTPClient: &http.Client{Transport: handlerTransport{success(`{}`)}},
		})
		if err := c.StartEncoding(t.Context(), "e", nil, nil); err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		err := c.StartEncoding(ctx, "e", nil, nil)
		if !errors.Is(err, stop) || Ambiguous(err) {
			t.Errorf("err = %v, want the context's cause and nothing sent", err)
		}
	})
}

func TestAnswerTooLarge(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(" "), maxResponse+1))
	}))
	_, err := c.ReadStatus(t.Context(), "e")
	if e, ok := errors.AsType[*GatewayError](err); !ok || !strings.Contains(e.Reason, "8 MiB") {
		t.Errorf("err = %v, want a GatewayError about the size", err)
	}
}

func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, r.Header.Get("X-Api-Key")+string(body))
	})
	c := mustNew(t, Options{APIKey: fixedKey(testKey), Logger: logger, HTTPClient: &http.Client{Transport: handlerTransport{echo}}})
	_, err := c.CreateOutput(t.Context(), Storage{
		Type: StorageS3, Bucket: "b", AccessKey: "AKIA-access", SecretKey: "very\"secret\nkey",
		ServicePrincipal: ServicePrincipal{TenantID: "t", ClientID: "i", ClientSecret: "hush-hush", ClientCertificate: "BEGIN\nkeyline"},
	})
	if err == nil {
		t.Fatal("no error from a 502")
	}
	for _, text := range []string{log.String(), err.Error()} {
		for _, secret := range []string{testKey, "AKIA-access", "very", "hush", "keyline"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q shows %q", text, secret)
			}
		}
		if !strings.Contains(text, redacted) {
			t.Errorf("%q: the echo is missing, so this test proves nothing", text)
		}
	}
}
