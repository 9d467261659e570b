package simulator

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// call is one request on its way through the simulator.
type call struct {
	r        *http.Request
	path     string // without /v1
	key      string
	body     []byte
	redacted json.RawMessage // the body as it appears in the ledger
	route    *route          // nil if there is none
	params   map[string]string
	header   http.Header // of the answer

	requestID  string
	encodingID string // of the encoding that the path names or the call created
}

func (c *call) routeName() string {
	if c.route == nil {
		return ""
	}
	return c.route.name
}

// ServeHTTP serves the API under /v1, and what tests and operators can inspect under
// /simulator.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.init()
	if strings.HasPrefix(r.URL.Path, "/simulator/") {
		s.serveInspection(w, r)
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
		r: r, body: body, redacted: redactBody(body),
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
	c.requestID = s.ids.newID()
	s.mu.Unlock()
	return c
}

// serve checks a call in the order of the platform: key, size, rate limit and path. Then the
// latency passes, and the call fails by a fault or takes effect.
func (c *call) serve(s *Simulator) response {
	if refusal := c.admit(s); refusal != nil {
		return c.refuse(s, refusal, Fault{})
	}
	fault := c.chooseFault(s)
	if s.Latency > 0 && !s.sleep(c.r.Context(), s.Latency) {
		return response{cut: true}
	}
	if fault.Kind != NoFault && !fault.After {
		return c.refuse(s, nil, fault)
	}
	return c.perform(s, fault)
}

// admit returns why a call is refused before it can take effect, or nil.
func (c *call) admit(s *Simulator) *apiError {
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

// tooMany returns the refusal by a rate limit.
func tooMany() *apiError {
	return &apiError{status: http.StatusTooManyRequests, code: CodeTooMany, message: "too many requests; see the x-ratelimit-* headers"}
}

// accepts reports whether an API key is accepted.
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

// chooseFault counts the call and returns its fault, the zero value if it has none.
func (c *call) chooseFault(s *Simulator) Fault {
	if s.Fault == nil && len(s.Faults.Rates) == 0 {
		return Fault{}
	}
	what := Call{
		Method: c.r.Method, Route: c.route.name, Path: c.path, Query: c.r.URL.RawQuery,
		Key: c.key, Body: c.body, EncodingID: c.encodingID,
	}
	s.mu.Lock()
	s.callCounts[callKey{route: c.route.name}]++
	what.Nth = s.callCounts[callKey{route: c.route.name}]
	if enc := s.encodings.byID[c.encodingID]; enc != nil {
		what.Name = enc.name
	}
	if c.encodingID != "" && s.Fault != nil {
		ofEncoding := callKey{c.route.name, c.encodingID}
		s.callCounts[ofEncoding]++
		what.NthOfEncoding = s.callCounts[ofEncoding]
	}
	s.mu.Unlock()
	if s.Fault != nil {
		if f := s.Fault(what); f.Kind != NoFault {
			return f
		}
	}
	return s.Faults.pick(s.ids.chance(faultSalt, c.route.name, itoa(what.Nth)))
}

// refuse answers a call that does not take effect, because of e or of the fault.
func (c *call) refuse(s *Simulator, e *apiError, fault Fault) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := response{header: c.header}
	if e != nil {
		resp = c.failure(e, s.now())
	}
	return c.finish(s, resp, fault, s.now(), false)
}

// perform lets a call take effect and answers it.
func (c *call) perform(s *Simulator, fault Fault) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.schedule.advance(now)
	result, err := c.route.do(s, c)
	s.proceed(now)
	if err != nil {
		e, ok := errors.AsType[*apiError](err)
		if !ok {
			panic(err) // handlers return nothing else
		}
		return c.finish(s, c.failure(e, now), fault, now, false)
	}
	resp := response{
		status: c.route.status, contentType: "application/json", header: c.header,
		body: successBody(c.requestID, result),
	}
	return c.finish(s, resp, fault, now, c.route.method != http.MethodGet && !c.route.readOnly)
}

// failure returns the response with an error.
func (c *call) failure(e *apiError, now time.Time) response {
	return response{
		status: e.status, code: e.code, contentType: "application/json", header: c.header,
		body: errorBody(c.requestID, e, now),
	}
}

// finish applies the fault to the response, counts the call and adds it to the ledger.
func (c *call) finish(s *Simulator, resp response, fault Fault, now time.Time, effect bool) response {
	if fault.Kind != NoFault {
		s.stats.faults++
		resp.intended, resp.contentType = resp.status, "application/json"
		resp = fault.applyTo(resp, c.requestID, now)
	}
	status := resp.status
	if resp.cut {
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
		Status: status, Code: resp.code, Effect: effect, Fault: fault.name(),
	}, s.LedgerLimit)
	s.wake()
	return resp
}

// withoutKey returns the query without an API key.
func withoutKey(r *http.Request) string {
	if !r.URL.Query().Has("X-Api-Key") {
		return r.URL.RawQuery
	}
	query := r.URL.Query()
	query.Del("X-Api-Key")
	return query.Encode()
}
