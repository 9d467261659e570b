package service

import (
	"bytes"
	"sync"
)

// tailBytes is how much of the log is kept, in bytes.
const tailBytes = 512 << 10

// LogTail keeps the latest lines of a log, for a report of a fault. It is safe for concurrent use.
type LogTail struct {
	mu    sync.Mutex
	ring  []byte
	next  int  // where the next byte goes
	whole bool // the ring has been filled once
}

// NewLogTail returns a LogTail that has no lines yet.
func NewLogTail() *LogTail { return &LogTail{ring: make([]byte, tailBytes)} }

// Write keeps lines. It never fails.
func (t *LogTail) Write(lines []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(lines)
	if n > len(t.ring) {
		lines = lines[n-len(t.ring):]
	}
	copied := copy(t.ring[t.next:], lines)
	if copied < len(lines) {
		copy(t.ring, lines[copied:])
	}
	t.whole = t.whole || t.next+len(lines) >= len(t.ring)
	t.next = (t.next + len(lines)) % len(t.ring)
	return n, nil
}

// String returns the lines that are kept, the oldest first, all of them whole.
func (t *LogTail) String() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.whole {
		return string(t.ring[:t.next])
	}
	text := bytes.Join([][]byte{t.ring[t.next:], t.ring[:t.next]}, nil)
	_, text, _ = bytes.Cut(text, []byte("\n")) // the first line has lost its beginning
	return string(text)
}
