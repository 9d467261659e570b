package main

import (
	"sync"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// quiet is how long a server may say nothing: it sends heartbeats more often.
const quiet = 20 * time.Second

// listener notes when the server falls silent, and when it is back, for a watch whose
// output goes to a file or a program: that looks the same as one in which nothing happens.
type listener struct {
	audience
	note func(format string, args ...any)
	// trouble is what stands in the way, empty if that is not known.
	trouble func() string

	mu     sync.Mutex
	heard  time.Time
	silent *time.Timer // ends after a silence; stopped at the end of the watch
	noted  bool        // that the server is silent
	closed bool
}

func newListener(to audience, note func(format string, args ...any), trouble func() string) *listener {
	l := &listener{audience: to, note: note, trouble: trouble, heard: time.Now()}
	l.silent = time.AfterFunc(quiet, l.miss)
	return l
}

func (l *listener) show(m *stokerv1.WatchBatchResponse) error {
	l.hear()
	return l.audience.show(m)
}

func (l *listener) close() {
	l.mu.Lock()
	l.closed = true
	l.silent.Stop()
	l.mu.Unlock()
	l.audience.close()
}

// hear takes note of a message.
func (l *listener) hear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noted {
		l.note("The server is back after %s.", rounded(time.Since(l.heard)))
	}
	l.heard, l.noted = time.Now(), false
	l.silent.Reset(quiet)
}

// miss tells that there was no message.
func (l *listener) miss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || time.Since(l.heard) < quiet {
		return // a message came in the same moment
	}
	l.noted = true
	l.note("Nothing heard from the server for %s%s; the watch goes on when it is back.", rounded(quiet), inBrackets(l.trouble()))
}

// inBrackets is text after a space, empty if there is none.
func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
