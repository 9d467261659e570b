package logdedup

import (
	"context"
	"log/slog"
	"time"
)

// messageKey names the lines of one level with one message. What differs with each occurrence, such as a port, is
// left out of the message.
type messageKey struct {
	level   slog.Level
	message string
}

// maxMessages is how many messages have their lines counted by the minute side by side. A program has fewer;
// the lines of further ones are all written.
const maxMessages = 1_000

// minute counts the lines with one message in a minute, equal ones once.
type minute struct {
	lines   int
	leftOut int
	last    slog.Record // the latest that was left out
}

// leaveOut counts a line, and reports whether it is not to be written, because there are too many different
// ones with its message.
func (l *lineCounter) leaveOut(r slog.Record) bool {
	k := messageKey{r.Level, pattern(r.Message)}
	m := l.messages[k]
	if m == nil {
		if len(l.messages) >= maxMessages {
			return false
		}
		m = &minute{}
		l.messages[k] = m
		time.AfterFunc(time.Minute, func() { l.endMinute(k, m) })
	}
	if m.lines++; m.lines <= l.perMinute {
		return false
	}
	m.leftOut++
	m.last = r
	return true
}

// endMinute writes how many lines were left out. It drops the error of the next handler, because there is no
// caller to return it to.
func (l *lineCounter) endMinute(k messageKey, m *minute) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.messages[k] == m {
		delete(l.messages, k)
		_ = l.writeLeftOut(context.Background(), m)
	}
}

// endMinutes ends the minutes of all messages.
func (l *lineCounter) endMinutes(ctx context.Context) (first error) {
	for _, m := range l.messages {
		if err := l.writeLeftOut(ctx, m); err != nil && first == nil {
			first = err
		}
	}
	clear(l.messages)
	return first
}

func (l *lineCounter) writeLeftOut(ctx context.Context, m *minute) error {
	if m.leftOut == 0 {
		return nil
	}
	r := m.last.Clone()
	r.AddAttrs(slog.Int("left_out", m.leftOut))
	return l.next.Handle(ctx, r)
}
