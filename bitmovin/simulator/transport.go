package simulator

import (
	"bytes"
	"io"
	"net/http"
)

// Client returns an HTTP client that serves its requests in the goroutine of the caller,
// without a network, whatever host they name. It works inside a testing/synctest bubble. When
// the simulator cuts a connection, the client gets [io.ErrUnexpectedEOF]. When the context of
// a request ends, the request ends.
func (s *Simulator) Client() *http.Client {
	return &http.Client{Transport: transport{s}}
}

// transport passes requests to the simulator.
type transport struct{ s *Simulator }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := &recorder{header: make(http.Header)}
	cut := rec.serve(t.s, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if cut && rec.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return rec.httpResponse(r, cut), nil
}

// recorder keeps a response in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Flush()                      {}

// serve reports whether the handler cut the connection.
func (r *recorder) serve(h http.Handler, req *http.Request) (cut bool) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // a recovered value, compared as net/http does
				panic(p)
			}
			cut = true
		}
	}()
	h.ServeHTTP(r, req)
	return false
}

// httpResponse returns the recorded response. If the connection was cut, the body ends in an
// error.
func (r *recorder) httpResponse(req *http.Request, cut bool) *http.Response {
	var body io.Reader = &r.body
	length := int64(r.body.Len())
	if cut {
		body = io.MultiReader(body, brokenReader{})
		length = -1
	}
	return &http.Response{
		Status:     itoa(r.status) + " " + http.StatusText(r.status),
		StatusCode: r.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        r.header,
		Body:          io.NopCloser(body),
		ContentLength: length,
		Request:       req,
	}
}

// brokenReader fails as the body of a cut connection does.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
