package notifier

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/stokerd/stoker/internal/notification"
)

const (
	// attemptTime is how long an attempt may take, from the resolution of the name to the end of the answer.
	attemptTime = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read, and of its headers.
	maxAnswer = 64 << 10
)

// sender makes attempts.
type sender struct {
	secrets   func(notification.Endpoint, time.Time) ([]notification.Secret, error)
	userAgent string
	// What is connected to with allow_private is not used without.
	public, private http.RoundTripper
}

func newSender(c Config) *sender {
	return &sender{secrets: c.Secrets, userAgent: c.UserAgent, public: newTransport(c.Transport, false), private: newTransport(c.Transport, true)}
}

// newTransport makes what connects to nothing but what [notification.CheckAddress] allows, and follows no redirect.
func newTransport(transport http.RoundTripper, allowPrivate bool) http.RoundTripper {
	if transport != nil {
		return transport
	}
	dialer := &net.Dialer{Timeout: attemptTime / 2, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", address, err)
		}
		return notification.CheckAddress(to.Addr(), allowPrivate)
	}}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: attemptTime / 2, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableCompression: true,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer,
		// A connection that has died is found out during the first attempt on it, and the next one takes another.
		HTTP2: &http.HTTP2Config{SendPingTimeout: attemptTime / 2, PingTimeout: attemptTime * 2 / 5},
	}
}

// send makes one attempt.
func (s *sender) send(ctx context.Context, e notification.Endpoint, d *notification.Delivery) notification.Attempt {
	began := time.Now()
	a := notification.Attempt{}
	ctx, cancel := context.WithTimeoutCause(ctx, attemptTime, errTimeout)
	defer cancel()
	if status, err := s.post(ctx, e, d, began); err != nil {
		a.Problem = problemText(ctx, err)
	} else {
		a.HTTPStatus, a.Problem = status, statusProblem(status)
	}
	a.Time = time.Now()
	a.Duration = a.Time.Sub(began)
	return a
}

// post sends a message and returns the status of the answer.
func (s *sender) post(ctx context.Context, e notification.Endpoint, d *notification.Delivery, now time.Time) (status int, err error) {
	body, err := d.Body()
	if err != nil {
		return 0, err
	}
	signatures, err := s.sign(e, d.ID, now, body)
	if err != nil {
		return 0, err
	}
	var began atomic.Bool // the answer
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { began.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.userAgent)
	req.Header.Set(standardwebhooks.HeaderWebhookID, d.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	transport := s.public
	if e.AllowPrivate {
		transport = s.private
	}
	resp, err := transport.RoundTrip(req)
	if err != nil && began.Load() {
		return 0, errUnreadable // the error may quote the answer
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	// Read, so that the connection can be used again. What cannot be read takes nothing back of the status.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, nil
}

// sign returns a signature for each secret of an endpoint, with blanks between: a receiver that has one of them can
// check one.
func (s *sender) sign(e notification.Endpoint, id string, now time.Time, body []byte) (string, error) {
	secrets, err := s.secrets(e, now)
	if err != nil {
		return "", err
	}
	var signatures []string
	for _, secret := range secrets {
		webhook, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			return "", errors.New("a secret of the endpoint cannot be used") // the error may quote it
		}
		signature, err := webhook.Sign(id, now, body)
		if err != nil {
			return "", fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

var errUnreadable = fmt.Errorf("the answer cannot be read: it is not HTTP, is cut off, or has more than %d KiB of headers", maxAnswer>>10)

var errTimeout = fmt.Errorf("no answer within %v", attemptTime)

// problemText says why there was no answer. It leaves out the URL, which may have a secret in its path, and addresses of
// this service's network: who may make endpoints may not know them.
func problemText(ctx context.Context, err error) string {
	if refused, ok := errors.AsType[*notification.AddressError](err); ok {
		return refused.Error()
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause.Error()
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok { // it has the address of the resolver, and an inner text may
		err := &net.DNSError{Err: "the name cannot be resolved", Name: unknown.Name, IsNotFound: unknown.IsNotFound}
		if err.IsNotFound {
			err.Err = "no such host"
		}
		return err.Error()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok { // it has the address from which was connected
		return (&net.OpError{Op: failed.Op, Net: failed.Net, Addr: failed.Addr, Err: failed.Err}).Error()
	}
	return err.Error()
}

// statusProblem says why an answer with a status accepts nothing; empty if it does.
func statusProblem(status int) string {
	text := strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
	switch {
	case status >= 200 && status <= 299:
		return ""
	case status >= 300 && status <= 399:
		return "answered " + text + ": redirects are not followed; change the URL of the endpoint"
	}
	return "answered " + text
}
