package simulator

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the simulator.
type call struct {
	r        *http.Request
	path     string // without /v1
	key      string
	body     []byte
	redacted json.RawMessage // the body for the ledger
	route    *route          // nil if there is none
	params   map[string]string
	header   http.Header // of the answer

	requestID  string
	encodingID string // that the path names or the call created
}

func (c *call) routeName() string {
	if c.route == nil {
		return ""
	}
	return c.route.name
}

// answer is what the client is sent.
type answer struct {
	status      int
	code        int // of the API error
	contentType string
	header      http.Header
	body        []byte

	cut      bool // the connection after half of the body, if status is set, or at once
	hang     bool // for hangFor (0: until the client leaves) before the cut
	hangFor  time.Duration
	intended int // the status before a fault
}

// ServeHTTP serves the API under /v1 and the pages for the eyes of tests and
// operators under /simulator.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.init()
	if strings.HasPrefix(r.URL.Path, "/simulator/") {
		s.servePages(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the client left in the middle of its request
	}
	s.newCall(r, body).serve(s).write(s, w, r)
}

func (s *Simulator) newCall(r *http.Request, body []byte) *call {
	c := &call{
		r: r, body: body, redacted: redact(body),
		key:    r.Header.Get("X-Api-Key"),
		params: make(map[string]string),
		header: make(http.Header),
	}
	if c.key == "" {
		c.key = r.URL.Query().Get("X-Api-Key")
	}
	c.path = strings.TrimPrefix(r.URL.Path, "/v1")
	if found := s.routes.find(strings.Trim(c.path, "/"), c.params); found != nil {
		c.route = found.methods[r.Method]
	}
	if strings.HasPrefix(c.path, "/encoding/encodings/") {
		c.encodingID = c.params["id"]
	}
	s.mu.Lock()
	c.requestID = s.newID()
	s.mu.Unlock()
	return c
}

// serve takes a call through the gates in the order of the real thing: key,
// path, rate limit, then whatever may happen on the way, then the effect.
func (c *call) serve(s *Simulator) answer {
	if refused := c.refused(s); refused != nil {
		return c.refuse(s, refused, Fault{})
	}
	fault := c.fault(s)
	if s.Latency > 0 && !s.pause(c.r.Context(), s.Latency) {
		return answer{cut: true}
	}
	if fault.Kind != NoFault && !fault.After {
		return c.refuse(s, nil, fault)
	}
	return c.take(s, fault)
}

func (c *call) refused(s *Simulator) *apiError {
	switch {
	case s.ctx.Err() != nil:
		return &apiError{status: http.StatusServiceUnavailable, code: CodeUnavailable, message: "the simulator is closed"}
	case !s.accepts(c.key):
		return &apiError{status: http.StatusUnauthorized, code: CodeUnauthorized, message: "the API key is missing or unknown"}
	case len(c.body) > maxBody:
		return &apiError{status: http.StatusRequestEntityTooLarge, code: CodeTooLarge, message: "the request body is too large"}
	case c.route != nil && !s.Unlimited && !s.limits.take(c.key, c.route.group, c.route.method, c.header):
		return tooMany()
	case c.route != nil:
		return nil
	}
	if found := s.routes.find(strings.Trim(c.path, "/"), c.params); found != nil && strings.HasPrefix(c.r.URL.Path, "/v1/") {
		c.header.Set("Allow", strings.Join(found.allowed(), ", "))
		return &apiError{status: http.StatusMethodNotAllowed, code: CodeMethod, message: "no " + c.r.Method + " at " + c.path}
	}
	return &apiError{status: http.StatusNotFound, code: CodeNotFound, message: "no such path: " + c.r.URL.Path}
}

func tooMany() *apiError {
	return &apiError{status: http.StatusTooManyRequests, code: CodeTooMany, message: "too many requests; see the x-ratelimit-* headers"}
}

func (s *Simulator) accepts(key string) bool {
	if key == "" || len(s.APIKeys) == 0 {
		return key != ""
	}
	for _, k := range s.APIKeys {
		if subtle.ConstantTimeCompare([]byte(k), []byte(key)) == 1 {
			return true
		}
	}
	return false
}

// fault decides whether the call goes wrong.
func (c *call) fault(s *Simulator) Fault {
	if s.Fault == nil && len(s.Faults.Rates) == 0 {
		return Fault{}
	}
	what := Call{
		Method: c.r.Method, Route: c.route.name, Path: c.path, Query: c.r.URL.RawQuery,
		Key: c.key, Body: c.body, EncodingID: c.encodingID,
	}
	s.mu.Lock()
	s.arrivals[arrival{route: c.route.name}]++
	what.Nth = s.arrivals[arrival{route: c.route.name}]
	if enc := s.encodings[c.encodingID]; enc != nil {
		what.Name = enc.name
	}
	if c.encodingID != "" && s.Fault != nil {
		of := arrival{c.route.name, c.encodingID}
		s.arrivals[of]++
		what.NthOfEncoding = s.arrivals[of]
	}
	s.mu.Unlock()
	if s.Fault != nil {
		if f := s.Fault(what); f.Kind != NoFault {
			return f
		}
	}
	return s.Faults.pick(s.chance("storm", c.route.name, itoa(what.Nth)))
}

// refuse answers a call that does not take effect.
func (c *call) refuse(s *Simulator, e *apiError, fault Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := answer{header: c.header}
	if e != nil {
		a = c.failure(e, s.now())
	}
	return c.finish(s, a, fault, s.now(), false)
}

// take lets a call take effect.
func (c *call) take(s *Simulator, fault Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	result, err := c.route.do(s, c)
	s.settle(now)
	if err != nil {
		e, ok := errors.AsType[*apiError](err)
		if !ok {
			panic(err) // handlers return nothing else
		}
		return c.finish(s, c.failure(e, now), fault, now, false)
	}
	a := answer{
		status: c.route.status, contentType: "application/json", header: c.header,
		body: successBody(c.requestID, result),
	}
	return c.finish(s, a, fault, now, c.route.method != http.MethodGet && !c.route.pure)
}

func (c *call) failure(e *apiError, now time.Time) answer {
	return answer{
		status: e.status, code: e.code, contentType: "application/json", header: c.header,
		body: errorBody(c.requestID, e, now),
	}
}

// finish spoils the answer if it must and writes the call into the ledger.
func (c *call) finish(s *Simulator, a answer, fault Fault, now time.Time, effect bool) answer {
	if fault.Kind != NoFault {
		s.stats.faults++
		a.intended, a.contentType = a.status, "application/json"
		a = fault.spoil(a, c.requestID, now)
	}
	status := a.status
	if a.cut {
		status = 0
	}
	if status == http.StatusTooManyRequests {
		s.stats.rateLimited++
	}
	s.stats.answered(c.routeName(), status)
	s.ledger.add(Entry{
		Time: now, Key: shortKey(c.key), Org: c.r.Header.Get("X-Tenant-Org-Id"),
		Method: c.r.Method, Route: c.routeName(), Path: c.path, Query: withoutKey(c.r),
		EncodingID: c.encodingID, RequestBody: c.redacted,
		Status: status, Code: a.code, Effect: effect, Fault: fault.name(),
	}, s.LedgerLimit)
	s.wake()
	return a
}

// withoutKey returns the query for the ledger; an API key may be in it.
func withoutKey(r *http.Request) string {
	if !r.URL.Query().Has("X-Api-Key") {
		return r.URL.RawQuery
	}
	query := r.URL.Query()
	query.Del("X-Api-Key")
	return query.Encode()
}

// write sends the answer. A connection is cut by a panic that net/http and
// [Simulator.Client] understand.
func (a answer) write(s *Simulator, w http.ResponseWriter, r *http.Request) {
	if a.hang {
		s.pause(r.Context(), a.hangFor)
	}
	if a.cut && a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	maps.Copy(header, a.header)
	header.Set("Content-Type", a.contentType)
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if !a.cut {
		_, _ = w.Write(a.body) // the client may have left; the ledger has it
		return
	}
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// pause waits for d, or for good if d is zero, and returns false if the client or the
// simulator leaves before that.
func (s *Simulator) pause(client context.Context, d time.Duration) bool {
	if s.Clock != nil {
		return s.Clock.Sleep(client, d) == nil
	}
	var elapsed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		elapsed = timer.C
	}
	select {
	case <-elapsed:
		return true
	case <-client.Done():
	case <-s.ctx.Done():
	}
	return false
}
