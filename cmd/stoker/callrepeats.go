package main

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/ui"
)

// notedRepeat is the number of the repeat that the user is told of. The ones before it take less than
// a second together; where no server listens there are no more of them.
const notedRepeat = 4

// callRepeats counts the calls of a command that were made again because no answer came. Several
// goroutines may use it.
type callRepeats struct {
	mu          sync.Mutex
	count       int
	lastError   error
	lastTime    time.Time
	lostAnswers map[string]bool // methods with an answer that did not come
}

// add takes note of a call that is made again, and reports whether the user has to be told.
func (c *callRepeats) add(r client.Repeat) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lostAnswers == nil {
		c.lostAnswers = map[string]bool{}
	}
	c.lostAnswers[r.Method] = c.lostAnswers[r.Method] || r.Lost
	c.lastError, c.lastTime = r.Err, time.Now()
	if r.Method == "WatchBatch" {
		return false // a watch tells of silence itself
	}
	c.count++
	return c.count == notedRepeat
}

// lostAnswer reports whether an answer of a method was lost: the answer that came at last may not
// count everything that was done.
func (c *callRepeats) lostAnswer(method string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lostAnswers[method]
}

// connectionProblem says why the latest call was made again; empty if that is so long ago that the
// server must have been heard since.
func (c *callRepeats) connectionProblem() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastError == nil || time.Since(c.lastTime) > ui.SilenceLimit {
		return ""
	}
	return connectionErrorText(c.lastError)
}

// statusError is an error that carries a status of gRPC. Its message may have more around it.
type statusError interface {
	error
	GRPCStatus() *status.Status
}

// connectionErrorText says why no answer came, without the names of gRPC's parts: the innermost text,
// and the status in place of an HTML page.
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
	return ui.Printable(strings.TrimPrefix(message, "transport: Error while dialing: "))
}
