package bitmovin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultBaseURL is the root of the hosted API.
const DefaultBaseURL = "https://api.bitmovin.com/v1"

// DefaultTimeout bounds a single call from the moment it may be sent.
const DefaultTimeout = 30 * time.Second

// Options configures a [Client]. The zero value calls the hosted API without a key,
// that is, every call fails with [ErrNoAPIKey].
type Options struct {
	// BaseURL is the root of the API. Default [DefaultBaseURL].
	BaseURL string
	// APIKey returns the key and is asked for each request, so that a rotated key
	// is picked up. White space around the key is dropped. A nil func, an
	// empty key or an error makes calls fail with [ErrNoAPIKey].
	APIKey func() (string, error)
	// TenantOrgID selects the organisation of each call. Default: the key's own.
	TenantOrgID string
	// HTTPClient sends the requests. Its redirect policy is not used: the client
	// never follows redirects. Default: a client with a connection pool of its own.
	HTTPClient *http.Client
	// Timeout bounds each call, waiting for the Governor not included. Default
	// [DefaultTimeout].
	Timeout time.Duration
	// Governor holds the budget of calls; share one between all clients of a key.
	// Default: a new one with [DefaultLimits].
	Governor *Governor
	// Logger gets one debug line per call, without bodies, queries or headers.
	// Default: no log.
	Logger *slog.Logger
	// UserAgent is sent with each call. Default "stoker".
	UserAgent string
}

// Client calls the API. It is safe for concurrent use and keeps connections warm.
//
// It never sends a request twice. net/http would, on its own account, in two cases:
// when a reused connection turns out to be closed, and when an HTTP/2 server refuses
// a stream. Both need a body that can be read again (or none), hence every POST
// has a body, at least {}, and no request offers GetBody. GETs and DELETEs may
// be sent again by net/http; they have the same effect once or twice.
//
// Whatever the platform answers that is not known is kept as it came, and noted in
// [Client.Unknown]: statuses, hints, types and error codes of every answer, and once an hour the
// fields of a task and of a list of encodings that are not documented or hold another type.
type Client struct {
	base      string // without a trailing slash
	apiKey    func() (string, error)
	tenant    string
	http      http.Client
	timeout   time.Duration
	governor  *Governor
	log       *slog.Logger
	userAgent string
	unknown   *UnknownValues
	fields    fieldSampler

	apiErrors, encodingErrors catalogue
	loading                   chan struct{} // held while they are loaded
}

// New returns a client, or an error when the base URL is none. It makes no call.
func New(opts Options) (*Client, error) {
	base := strings.TrimRight(cmp.Or(opts.BaseURL, DefaultBaseURL), "/")
	u, err := url.Parse(base)
	switch {
	case err != nil:
		// url.Parse quotes its argument, which may hold credentials.
		return nil, errors.New("bitmovin base url: not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("bitmovin base url: want http://host/path or https://host/path")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("bitmovin base url: user, query and fragment are not allowed")
	}
	c := &Client{
		base:      base,
		apiKey:    opts.APIKey,
		tenant:    opts.TenantOrgID,
		timeout:   cmp.Or(opts.Timeout, DefaultTimeout),
		governor:  opts.Governor,
		log:       opts.Logger,
		userAgent: cmp.Or(opts.UserAgent, "stoker"),
	}
	if opts.HTTPClient != nil {
		c.http = *opts.HTTPClient
	} else {
		c.http.Transport = newTransport()
	}
	// A redirect would carry the key to another host or turn a POST into a GET.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	if c.governor == nil {
		c.governor = NewGovernor(DefaultLimits())
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.unknown = newUnknownValues(c.log, c.governor.clock)
	c.apiErrors.path, c.apiErrors.documented = "/general/error-definitions", documentedAPIErrors
	c.encodingErrors.path, c.encodingErrors.documented = "/encoding/error-definitions", documentedEncodingErrors
	c.loading = make(chan struct{}, 1)
	return c, nil
}

// newTransport returns a transport that keeps enough connections for all workers of an
// account and notices dead peers.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 64,
		// Shorter than the idle limit of common gateways: a POST that meets a
		// connection closed by the other side cannot simply be sent again.
		IdleConnTimeout:     50 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// Timeout bounds each call from the moment it may be sent.
func (c *Client) Timeout() time.Duration { return c.timeout }

// Governor returns the budget this client spends from.
func (c *Client) Governor() *Governor { return c.governor }

// Unknown returns what the platform has answered that is not known.
func (c *Client) Unknown() *UnknownValues { return c.unknown }

// Ping makes the cheapest call that needs a valid key. Its error tells whether the
// platform can be reached and accepts the account.
func (c *Client) Ping(ctx context.Context) error {
	return c.do(ctx, call{
		method: http.MethodGet, path: "/encoding/inputs", class: ClassResourceRead,
		query: url.Values{"limit": {"1"}},
	}, nil)
}

// call is one request to make.
type call struct {
	method  string
	path    string // below the base URL, with escaped segments
	query   url.Values
	without []string // parameters of a list that are not sent
	class   Class
	urgency Urgency  // among the calls of the class
	body    any      // marshalled as JSON; nil sends none, or {} with a POST
	secrets []Secret // what the body holds that must not come back in an error
	permit  Permit   // of a call that costs money
}

// do waits for the budget, asks for the permit, makes the call and decodes its result into out.
func (c *Client) do(ctx context.Context, cl call, out any) error {
	if err := checkPath(cl.path); err != nil {
		return fmt.Errorf("%s %s: %w", cl.method, cl.path, err)
	}
	var body []byte
	if cl.body != nil {
		var err error
		if body, err = json.Marshal(cl.body); err != nil {
			return fmt.Errorf("%s %s: encode body: %w", cl.method, cl.path, err)
		}
	} else if cl.method == http.MethodPost {
		body = []byte("{}")
	}
	unsent := func(err error) error {
		return &TransportError{Method: cl.method, Path: cl.path, Err: err}
	}
	key, err := c.key()
	if err != nil {
		return unsent(err)
	}
	ticket, err := c.governor.acquire(ctx, cl.class, cl.urgency)
	if err != nil {
		return unsent(fmt.Errorf("wait for the call budget: %w", err))
	}
	if err := cl.permit.ask(); err != nil {
		return unsent(err)
	}
	begin := c.governor.clock.Now()
	a, err := c.roundTrip(ctx, cl, key, body)
	if err == nil {
		err = a.decode(out)
		c.noteUnknown(a, out, err)
	}
	throttled := Throttled(err)
	c.governor.observe(cl.class, ticket, a.header, throttled)
	if throttled {
		c.log.WarnContext(ctx, "bitmovin throttled a call", "class", cl.class.String(), "err", err)
	}
	c.log.DebugContext(ctx, "bitmovin call", "method", cl.method, "path", cl.path,
		"status", a.status, "duration", c.governor.clock.Now().Sub(begin), "err", err)
	return err
}

// noteUnknown takes note of what is not known in a decoded answer, or in a refusal.
func (c *Client) noteUnknown(a answer, out any, err error) {
	if refusal, ok := errors.AsType[*APIError](err); ok {
		c.explainRefusal(refusal)
		for _, m := range refusal.Details {
			m.note(c.unknown)
		}
	}
	if err != nil {
		return
	}
	if n, ok := out.(noter); ok {
		n.note(c.unknown)
	}
	if s, ok := out.(shaped); ok {
		if name, of := s.shape(); of != nil && c.fields.due(name, c.governor.clock.Now()) {
			compareFields(c.unknown, name, a.result(), of)
		}
	}
}

// key reads the API key. Its errors are [ErrNoAPIKey], with the reason if there is one.
func (c *Client) key() (Secret, error) {
	if c.apiKey == nil {
		return "", ErrNoAPIKey
	}
	key, err := c.apiKey()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoAPIKey, err)
	}
	key = strings.TrimSpace(key)
	if key == "" {
		return "", ErrNoAPIKey
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: it holds characters that no key has", ErrNoAPIKey)
	}
	return Secret(key), nil
}

// roundTrip sends one request and reads its whole answer. Its errors are
// [*TransportError], except for an answer that is too large.
func (c *Client) roundTrip(ctx context.Context, cl call, key Secret, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout,
		fmt.Errorf("no answer within %v: %w", c.timeout, context.DeadlineExceeded))
	defer cancel()
	a := answer{method: cl.method, path: cl.path, redact: redactor{append([]Secret{key}, cl.secrets...)}}
	var trail connTrail
	fail := func(err error) (answer, error) {
		// The URL around the cause repeats what the error already names.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return a, &TransportError{Method: cl.method, Path: cl.path, Sent: !trail.neverLeft(), Err: a.redact.err(err)}
	}
	req, err := c.request(httptrace.WithClientTrace(ctx, trail.trace()), cl, key, body)
	if err != nil {
		return a, fmt.Errorf("%s %s: %w", cl.method, cl.path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1)); err != nil {
		return fail(err)
	}
	if len(a.body) > maxAnswer {
		a.body = nil // quoting a cut could quote half a secret
		return a, a.tooLarge()
	}
	return a, nil
}

// request builds the HTTP request for cl.
func (c *Client) request(ctx context.Context, cl call, key Secret, body []byte) (*http.Request, error) {
	target := c.base + cl.path
	if len(cl.query) > 0 {
		target += "?" + cl.query.Encode()
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
		if cl.permit != nil {
			r = &permittedBody{Reader: r, permit: cl.permit}
		}
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, target, r)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(body))
	req.GetBody = nil // nothing may send it again; see Client
	req.Header.Set("X-Api-Key", string(key))
	if c.tenant != "" {
		req.Header.Set("X-Tenant-Org-Id", c.tenant)
	}
	req.Header.Set("X-Api-Client", "stoker")
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// checkPath refuses paths with an empty or relative segment. An empty id would otherwise
// address the whole collection: deleting encoding "" must not become something else.
func checkPath(path string) error {
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errors.New("an id in the path is missing or malformed")
		}
	}
	return nil
}

// escape makes an id one segment of a path.
func escape[T ~string](id T) string { return url.PathEscape(string(id)) }

// connTrail follows a request on its way out. net/http announces that it looks for a
// connection and that it got one; a transport that announces nothing proves nothing.
type connTrail struct{ looked, got atomic.Bool }

// trace returns the hooks that feed t. They may run after the call has returned.
func (t *connTrail) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { t.looked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	}
}

// neverLeft reports whether the request demonstrably found no connection to go out on.
func (t *connTrail) neverLeft() bool { return t.looked.Load() && !t.got.Load() }
