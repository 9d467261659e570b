package notifier_test

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/notifier"
)

// newSender makes a notifier that sends over the network, to be used by its method Test.
func newSender() *notifier.Notifier {
	return notifier.New(notifier.Config{Secrets: func(notification.Endpoint, time.Time) ([]notification.Secret, error) {
		secret, err := notification.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		return []notification.Secret{secret}, err
	}})
}

// Receivers that answer too much, in odd ways, or elsewhere.
func TestAnswers(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	endless := func(w http.ResponseWriter) {
		chunk := make([]byte, 32<<10)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	n := newSender()
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		problem string // begins like this; empty: accepted
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}, ""},
		{"202", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, ""},
		{"an endless body", func(w http.ResponseWriter, _ *http.Request) { endless(w) }, ""},
		{"an endless error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			endless(w)
		}, "answered 418"},
		{"a compressed bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.CopyN(z, zeros{}, 8<<20)
			_ = z.Close()
		}, ""},
		{"headers without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		}, "the answer cannot be read"},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) { answerRaw(w, "SSH-2.0-OpenSSH_9.9 s3cret\r\n") }, "the answer cannot be read"},
		{"a header that is none", func(w http.ResponseWriter, _ *http.Request) {
			answerRaw(w, "HTTP/1.1 200 OK\r\ns3cret\r\n\r\n")
		}, "the answer cannot be read"},
		{"a part of a header", func(w http.ResponseWriter, _ *http.Request) { answerRaw(w, "HTTP/1.1 200 OK\r\nX-") }, "the answer cannot be read"},
		{"a redirect to nowhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://[s3cret")
			w.WriteHeader(http.StatusFound)
		}, "answered 302"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "answered 307"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"a status of its own", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(799) }, "answered 799"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			began := time.Now()
			a := n.Test(t.Context(), notification.Endpoint{Name: "e", URL: server.URL + "/s3cret", AllowPrivate: true})
			if a.Delivered() != (tt.problem == "") || !strings.HasPrefix(a.Problem, tt.problem) {
				t.Errorf("problem %q, want %q", a.Problem, tt.problem)
			}
			if strings.Contains(a.Problem, "s3cret") {
				t.Errorf("the problem has a part of the URL or of the answer in it: %s", a.Problem)
			}
			if took := time.Since(began); took > 9*time.Second { // an attempt may take 10 s
				t.Errorf("took %v: more was read than 64 KiB", took)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// answerRaw answers with these bytes, and hangs up.
func answerRaw(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, text) // the caller may have hung up
	_ = conn.Close()
}

// zeros is what compresses best.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A name that leads into this network is connected to only if that is allowed, whatever it was resolved to before.
func TestAddressesAreCheckedWhenConnecting(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n := newSender()
	e := notification.Endpoint{Name: "e", URL: "http://localhost:" + port}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a := n.Test(ctx, e)
	if !strings.Contains(a.Problem, "is loopback, and not on the public internet; an endpoint there needs allow_private") {
		t.Errorf("problem %q", a.Problem)
	}
	if requests.Load() != 0 {
		t.Error("the request was sent")
	}
	e.AllowPrivate = true
	if a := n.Test(ctx, e); !a.Delivered() || requests.Load() != 1 {
		t.Errorf("with allow_private: %q, %d requests", a.Problem, requests.Load())
	}
	// A connection that is open because of allow_private is not used without.
	e.AllowPrivate = false
	if a := n.Test(ctx, e); a.Delivered() || requests.Load() != 1 {
		t.Errorf("without it again: %q, %d requests", a.Problem, requests.Load())
	}
}

// failing is a network on which every attempt fails alike.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// Whoever makes endpoints does not learn from what fails where this service and its resolver are.
func TestProblemsHideTheOwnNetwork(t *testing.T) {
	own := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 40000}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "hooks.example.com", Server: "10.1.2.3:53", IsNotFound: true}}, "lookup hooks.example.com: no such host"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "read udp 10.1.2.3:40000->10.1.2.3:53: i/o timeout", Name: "hooks.example.com", Server: "10.1.2.3:53", IsTimeout: true}}, "lookup hooks.example.com: the name cannot be resolved"},
		{&net.OpError{Op: "read", Net: "tcp", Source: own, Addr: &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 443}, Err: syscall.ECONNRESET}, "read tcp 203.0.113.9:443: connection reset by peer"},
	} {
		n := notifier.New(notifier.Config{Transport: failing{tt.err}, Secrets: func(notification.Endpoint, time.Time) ([]notification.Secret, error) { return nil, nil }})
		if a := n.Test(t.Context(), notification.Endpoint{Name: "e", URL: "https://hooks.example.com"}); a.Problem != tt.want {
			t.Errorf("problem %q, want %q", a.Problem, tt.want)
		}
	}
}
