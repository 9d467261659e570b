package main

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stokerd/stoker/client"
)

// notedRepeat is the repeat of a call from which on people are told: the ones before take
// less than a second, and are all there are where no server listens.
const notedRepeat = 4

// disturbance is what stands between a command and the answers of the server. Several
// goroutines may report it.
type disturbance struct {
	mu      sync.Mutex
	repeats int
	last    error           // how the latest try ended that was made again
	at      time.Time       // when that was
	lost    map[string]bool // methods of which an answer did not come
}

// repeating is told of every call that is made again.
func (c *cli) repeating(r client.Repeat) {
	d := &c.disturbed
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost == nil {
		d.lost = map[string]bool{}
	}
	d.lost[r.Method] = d.lost[r.Method] || r.Lost
	d.last, d.at = r.Err, time.Now()
	if r.Method == "WatchBatch" {
		return // a watch tells of silence
	}
	if d.repeats++; d.repeats == notedRepeat {
		c.note("No answer from the server at %s (%s); trying again.", c.server, connectionTrouble(r.Err))
	}
}

// lostAnswer reports whether an answer of a method did not come, so that what came at last
// does not tell all.
func (c *cli) lostAnswer(method string) bool {
	c.disturbed.mu.Lock()
	defer c.disturbed.mu.Unlock()
	return c.disturbed.lost[method]
}

// latestTrouble is why the latest call was made again; empty if there was none since a
// server that is there would have been heard.
func (c *cli) latestTrouble() string {
	c.disturbed.mu.Lock()
	defer c.disturbed.mu.Unlock()
	if c.disturbed.last == nil || time.Since(c.disturbed.at) > quiet {
		return ""
	}
	return connectionTrouble(c.disturbed.last)
}

// connectionTrouble is what stands in the place of an answer, without what names gRPC's own
// parts: the innermost text, and of an HTML page its status.
func connectionTrouble(err error) string {
	message := err.Error()
	if s, ok := errors.AsType[answered](err); ok {
		message = s.GRPCStatus().Message()
	}
	if page, ok := strings.CutPrefix(message, "unexpected HTTP status code received from server: "); ok {
		page, _, _ = strings.Cut(page, ";")
		return "HTTP status " + page
	}
	const described = "desc = "
	if at := strings.LastIndex(message, described); at >= 0 {
		message = message[at+len(described):]
		if text, err := strconv.Unquote(message); err == nil {
			message = text
		}
	}
	return printable(strings.TrimPrefix(message, "transport: Error while dialing: "))
}
