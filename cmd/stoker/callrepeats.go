package main

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// notedRepeat is the number of the repeat of which the user is told. The repeats before it take less than a
// second together. Most calls to an address where no server listens fail before it.
const notedRepeat = 4

// quietWait is how long a wait before a repeat may be for the user not to be told of the first one: longer ones are
// what the server has advised.
const quietWait = 3 * time.Second

// callRepeats counts the repeats of a command's calls, made because no answer came. Several goroutines may
// use it.
type callRepeats struct {
	mu          sync.Mutex
	count       int
	told        bool // the user has been told
	lastError   error
	lastTime    time.Time
	lostAnswers map[string]bool // methods of which an answer was lost
}

// add records a repeat, and reports whether the user has to be told of it.
func (c *callRepeats) add(r client.Repeat) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lostAnswers == nil {
		c.lostAnswers = map[string]bool{}
	}
	c.lostAnswers[r.Method] = c.lostAnswers[r.Method] || r.Lost
	c.lastError, c.lastTime = r.Err, time.Now()
	if r.Method == "WatchBatch" {
		return false // the renderer of a watch tells the user of silence
	}
	c.count++
	if told := c.told; told || c.count < notedRepeat && r.Wait <= quietWait {
		return false
	}
	c.told = true
	return true
}

// lostAnswer reports whether an answer of a method was lost. Then the answer of the repeated call may count
// less than was done.
func (c *callRepeats) lostAnswer(method string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lostAnswers[method]
}

// connectionProblem says why a call got no answer. It is empty if the latest repeat was longer ago than
// [ui.SilenceLimit].
func (c *callRepeats) connectionProblem() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastError == nil || time.Since(c.lastTime) > ui.SilenceLimit {
		return ""
	}
	return connectionErrorText(c.lastError)
}

// statusError is an error with a gRPC status.
type statusError interface {
	error
	GRPCStatus() *status.Status
}

// connectionErrorText says why no answer came. It leaves out what gRPC puts around the innermost error, and
// of an HTML page keeps only the HTTP status.
func connectionErrorText(err error) string {
	message := err.Error()
	if s, ok := errors.AsType[statusError](err); ok {
		message = s.GRPCStatus().Message()
	}
	if page, ok := strings.CutPrefix(message, "unexpected HTTP status code received from server: "); ok {
		page, _, _ = strings.Cut(page, ";")
		return "HTTP status " + page
	}
	const description = "desc = "
	if at := strings.LastIndex(message, description); at >= 0 {
		message = message[at+len(description):]
		if text, err := strconv.Unquote(message); err == nil {
			message = text
		}
	}
	message = strings.TrimPrefix(strings.TrimPrefix(message, "transport: Error while dialing: "), "transport: ")
	if _, cause, ok := strings.Cut(message, ": connect: "); ok && strings.HasPrefix(message, "dial ") {
		message = cause // the address stands beside it
	}
	if message == "name resolver error: produced zero addresses" {
		message = "there is no host of that name"
	}
	return output.Printable(message + tlsHint(message))
}

// tlsHint says what to do about a connection that failed because only one end speaks TLS, or because the ends
// do not trust each other; empty for any other failure.
func tlsHint(message string) string {
	switch {
	case strings.Contains(message, "first record does not look like a TLS handshake"):
		return "; the server does not speak TLS: is it the right address? --insecure talks to it without encryption"
	case strings.HasSuffix(message, "error reading server preface: EOF"):
		return "; if the server speaks TLS, name its CA with --tls-ca"
	case strings.Contains(message, "error reading server preface: http2") || strings.Contains(message, "malformed HTTP response"):
		return "; the server seems to speak TLS: name its CA with --tls-ca"
	case strings.Contains(message, "certificate signed by unknown authority"):
		return "; name its CA, or for a self-signed certificate that file, with --tls-ca"
	case strings.Contains(message, "remote error: tls: "):
		return "; the server does not accept the certificate of --tls-cert"
	}
	return ""
}
