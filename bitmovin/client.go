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
	"syscall"
	"time"
)

// DefaultBaseURL is the root of the hosted API.
const DefaultBaseURL = "https://api.bitmovin.com/v1"

// DefaultTimeout bounds a call. The wait for the [Governor] does not count.
const DefaultTimeout = 30 * time.Second

// Options configures a [Client]. With the zero value every call fails with [ErrNoAPIKey].
type Options struct {
	// BaseURL is the root of the API. Default [DefaultBaseURL].
	BaseURL string
	// APIKey returns the key. It is called for each request, so a new key is used at once.
	// White space around the key is removed. A nil func, an empty key or an error makes
	// calls fail with [ErrNoAPIKey].
	APIKey func() (string, error)
	// TenantOrgID selects the organisation of each call. Default: that of the key.
	TenantOrgID string
	// HTTPClient sends the requests. Its redirect policy is not used: the client
	// never follows redirects. Default: a client with a connection pool of its own.
	HTTPClient *http.Client
	// WrapTransport returns what sends requests in place of the transport of HTTPClient, such as one that
	// traces them. It must send each request once. Default: nothing is wrapped.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	// Timeout bounds each call. The wait for the Governor does not count. Default
	// [DefaultTimeout].
	Timeout time.Duration
	// Governor limits the rate of calls. Share one among all clients of a key.
	// Default: a new one with [DefaultLimits].
	Governor *Governor
	// Logger gets one debug line for each call, without bodies, queries or headers.
	// Default: no log.
	Logger *slog.Logger
	// UserAgent is sent with each call. Default "stoker".
	UserAgent string
	// OnCall is called after each call that was made. It must not block. Default: nobody is told.
	OnCall func(CallResult)
}

// Client calls the API. It is safe for concurrent use and keeps connections warm.
//
// It never sends a POST twice. By itself net/http would do so in two cases: when a reused
// connection turns out to be closed, and when an HTTP/2 server refuses a stream. Both require
// that the request has no body, or one that GetBody returns again. Hence every POST has a body,
// at least {}, and no request has GetBody. net/http may send GETs and DELETEs again; sent twice
// they have the effect of one.
//
// The client keeps values that it does not know as the platform sent them, and records them in
// [Client.Unknown]: the statuses, hints, types and error codes of all responses. It also records
// undocumented fields. For that it checks one task, one encoding and one page of encodings an hour.
type Client struct {
	base      string // without a trailing slash
	apiKey    func() (string, error)
	tenant    string
	http      http.Client
	timeout   time.Duration
	governor  *Governor
	log       *slog.Logger
	userAgent string
	onCall    func(CallResult)
	unknown   *UnknownValues
	fields    fieldSampler
	simulated atomic.Bool // the latest answer was a simulator's

	apiErrors, encodingErrors catalogue
	loading                   chan struct{} // full while the catalogues are loaded
}

// New returns a client. The error is about the base URL. New makes no call.
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
		onCall:    opts.OnCall,
	}
	if opts.HTTPClient != nil {
		c.http = *opts.HTTPClient
	} else {
		c.http.Transport = newTransport()
	}
	if opts.WrapTransport != nil {
		c.http.Transport = opts.WrapTransport(cmp.Or[http.RoundTripper](c.http.Transport, http.DefaultTransport))
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
	c.governor.clients.Add(1)
	c.unknown = newUnknownValues(c.log, c.governor.clock)
	c.apiErrors.path, c.apiErrors.documented = "/general/error-definitions", documentedAPIErrors
	c.encodingErrors.path, c.encodingErrors.documented = "/encoding/error-definitions", documentedEncodingErrors
	c.loading = make(chan struct{}, 1)
	return c, nil
}

// newTransport returns a transport that keeps enough connections for all workers of an account
// and detects dead connections.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 128,
		// This is shorter than the idle limit of common gateways. A POST that is sent on a
		// connection which the gateway has just closed cannot simply be sent again.
		IdleConnTimeout:     50 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// Timeout returns the time that bounds each call.
func (c *Client) Timeout() time.Duration { return c.timeout }

// RateGovernor returns the governor of the client.
func (c *Client) RateGovernor() *Governor { return c.governor }

// IsSimulated reports whether the latest answer came from a simulator: there is nothing at Bitmovin then. It is
// false before the first answer.
func (c *Client) IsSimulated() bool { return c.simulated.Load() }

// Unknown returns the values of the platform that this package does not know.
func (c *Client) Unknown() *UnknownValues { return c.unknown }

// Ping makes the cheapest call that needs a valid key. It returns nil if the platform can be
// reached and accepts the key.
func (c *Client) Ping(ctx context.Context) error {
	return c.do(ctx, call{
		method: http.MethodGet, path: "/encoding/inputs", class: ClassResourceRead,
		query: url.Values{"limit": {"1"}},
	}, nil)
}

// call describes one request.
type call struct {
	method  string
	path    string // below the base URL, with escaped segments
	query   url.Values
	omit    []string // parameters that list must not send
	class   Class
	urgency urgency      // among the calls of the class
	body    any          // encoded as JSON; nil sends no body, or {} with a POST
	secrets []Secret     // credentials in the body, which must not appear in an error
	permit  Permit       // nil unless others decide, at the last moment, whether the call is made
	header  *http.Header // gets the header of the answer; nil: it is not needed
}

// do waits for the Governor, checks the permit, makes the call and decodes its result into out.
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
	key, err := readKey(c.apiKey)
	if err != nil {
		return unsent(err)
	}
	ticket, err := passGate(ctx, c.governor, cl)
	c.governor.bucketOf(cl.class).noteServed(c)
	if err != nil {
		return unsent(fmt.Errorf("wait for the rate limit: %w", err))
	}
	if err := cl.permit.check(); err != nil {
		return unsent(err)
	}
	begin := c.governor.clock.Now()
	resp, err := c.roundTrip(ctx, cl, key, body)
	if err == nil {
		err = resp.decode(out)
		c.recordUnknown(resp, out, err)
	}
	if cl.header != nil {
		*cl.header = resp.header
	}
	throttled := Throttled(err)
	c.governor.observe(cl.class, ticket, resp.header, throttled)
	if throttled {
		c.log.InfoContext(ctx, "the platform throttles calls", "class", cl.class.String(), "err", err)
	}
	cl.tell(ctx, c, resp, c.governor.clock.Now().Sub(begin), err)
	return err
}

// tell tells log and OnCall of a client how the call ended.
func (cl call) tell(ctx context.Context, c *Client, resp response, took time.Duration, err error) {
	if c.onCall != nil {
		c.onCall(CallResult{Class: cl.class, Outcome: outcomeOf(err), Duration: took})
	}
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []any{"method", cl.method, "path", cl.path, "status", resp.status, "took", took}
	if id := requestID(ctx); id != "" {
		attrs = append(attrs, "request_id", id)
	}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	c.log.DebugContext(ctx, "call to the platform", attrs...)
}

// recordUnknown records the unknown values of a decoded response or of an [*APIError]. It also
// gives an APIError without a message the text of its code.
func (c *Client) recordUnknown(resp response, out any, err error) {
	if refusal, ok := errors.AsType[*APIError](err); ok {
		c.explainError(refusal)
		for _, m := range refusal.Details {
			m.reportUnknown(c.unknown)
		}
	}
	if err != nil {
		return
	}
	if n, ok := out.(unknownReporter); ok {
		n.reportUnknown(c.unknown)
	}
	if s, ok := out.(documented); ok {
		if name, of := s.documentedShape(); of != nil && c.fields.due(name, c.governor.clock.Now()) {
			compareFields(c.unknown, name, resp.result(), of)
		}
	}
}

// readKey reads an API key; read may be nil. Its errors wrap [ErrNoAPIKey], with the reason if there is one.
func readKey(read func() (string, error)) (Secret, error) {
	if read == nil {
		return "", ErrNoAPIKey
	}
	key, err := read()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoAPIKey, err)
	}
	key = strings.TrimSpace(key)
	if key == "" {
		return "", ErrNoAPIKey
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: the key contains characters other than printable ASCII", ErrNoAPIKey)
	}
	return Secret(key), nil
}

// roundTrip sends one request and reads the whole response. Its errors are [*TransportError], except
// for a response that is too large, a [*GatewayError], and for a request that cannot be built.
func (c *Client) roundTrip(ctx context.Context, cl call, key Secret, body []byte) (response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout,
		fmt.Errorf("no answer within %v: %w", c.timeout, context.DeadlineExceeded))
	defer cancel()
	resp := response{method: cl.method, path: cl.path, redact: redactor{append([]Secret{key}, cl.secrets...)}}
	var trace connTrace
	fail := func(err error) (response, error) {
		// A url.Error repeats the method and the path, which the TransportError names.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) { // not the platform's fault
			err = fmt.Errorf("this process has no file descriptor left: raise LimitNOFILE of its unit, or ulimit -n: %w", err)
		}
		return resp, &TransportError{Method: cl.method, Path: cl.path, Sent: !trace.neverSent(), Err: resp.redact.err(err)}
	}
	req, err := c.request(httptrace.WithClientTrace(ctx, trace.hooks()), cl, key, body)
	if err != nil {
		return resp, fmt.Errorf("%s %s: %w", cl.method, cl.path, err)
	}
	received, err := c.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer received.Body.Close()
	resp.status, resp.header = received.StatusCode, received.Header
	c.simulated.Store(received.Header.Get("Stoker-Simulator") != "")
	if resp.body, err = io.ReadAll(io.LimitReader(received.Body, maxResponse+1)); err != nil {
		return fail(err)
	}
	if len(resp.body) > maxResponse {
		resp.body = nil // a quotation of it could contain half a secret
		return resp, resp.tooLarge()
	}
	return resp, nil
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
	req.GetBody = nil // net/http must not send the request again; see Client
	req.Header.Set("X-Api-Key", string(key))
	if c.tenant != "" {
		req.Header.Set("X-Tenant-Org-Id", c.tenant)
	}
	if id := requestID(ctx); id != "" {
		req.Header.Set(headerRequestID, id)
	}
	req.Header.Set("X-Api-Client", "stoker")
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// checkPath refuses paths with an empty or relative segment. With an empty id a path would name
// the whole collection: the deletion of encoding "" must not become something else.
func checkPath(path string) error {
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errors.New("an id in the path is missing or malformed")
		}
	}
	return nil
}

// escape turns an id into one segment of a path.
func escape[T ~string](id T) string { return url.PathEscape(string(id)) }

// connTrace records whether a request asked for a connection and got one. Transports other than
// that of net/http may report neither.
type connTrace struct{ wanted, got atomic.Bool }

// hooks returns the hooks that set t. They may run after the call has returned.
func (t *connTrace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { t.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	}
}

// neverSent reports whether the request certainly got no connection, and so was not sent.
func (t *connTrace) neverSent() bool { return t.wanted.Load() && !t.got.Load() }
