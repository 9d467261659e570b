package logdedup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// log is a logger whose lines a test can read.
type log struct {
	*slog.Logger
	handler *Handler
	t       *testing.T
	buffer  bytes.Buffer
}

func newLog(t *testing.T, o Options) *log {
	l := &log{t: t}
	l.handler = New(slog.NewJSONHandler(&l.buffer, &slog.HandlerOptions{Level: slog.LevelDebug}), o)
	l.Logger = slog.New(l.handler)
	return l
}

// written are the lines since it was asked last, each as "message repeated".
func (l *log) written() (lines []string) {
	l.t.Helper()
	for _, line := range l.records() {
		text := fmt.Sprint(line["msg"])
		if n, ok := line["repeated"]; ok {
			text += fmt.Sprint(" ", n)
		}
		lines = append(lines, text)
	}
	return lines
}

func (l *log) records() (lines []map[string]any) {
	l.t.Helper()
	l.handler.counter.mu.Lock() // lines are written with it
	defer l.handler.counter.mu.Unlock()
	for d := json.NewDecoder(&l.buffer); ; {
		var line map[string]any
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			l.t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func (l *log) want(when string, want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.written()); diff != "" {
		l.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// TestHandler holds the handler to what is expected of every one.
func TestHandler(t *testing.T) {
	var l *log
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		l = newLog(t, Options{})
		t.Cleanup(func() { _ = l.handler.Close() }) // it has nothing to write by then
		return l.handler
	}, func(*testing.T) map[string]any { return l.records()[0] })
}

func TestWall(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{})
		l.Warn("refused", "err", "no")
		l.want("the first line", "refused")
		for range 999 {
			time.Sleep(50 * time.Millisecond)
			l.Warn("refused", "err", "no")
		}
		l.Warn("another", "err", "no")
		l.want("999 more, and another", "another")
		time.Sleep(time.Minute)
		l.want("after a minute", "refused 999")
		begin := time.Now()
		for time.Since(begin) < 10*time.Hour {
			l.Warn("refused", "err", "no")
			time.Sleep(time.Second)
		}
		if n := len(l.written()); n < 8 || n > 20 {
			t.Errorf("ten hours of a line each second came to %d lines", n)
		}
		time.Sleep(3 * time.Hour)
		l.written()
		l.Warn("refused", "err", "no")
		l.want("long after the wall", "refused")
		if err := l.handler.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSpan(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{})
		begin := time.Now()
		for n := range 4 {
			l.Error("refused", "err", fmt.Sprintf("HTTP 503 (request r-%d)", n))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		lines := l.records()
		if len(lines) != 2 {
			t.Fatalf("there are %d lines: %v", len(lines), lines)
		}
		got := lines[1]
		for name, want := range map[string]any{
			"level": "ERROR", "err": "HTTP 503 (request r-3)", "repeated": 3.0,
			"since": begin.Add(time.Second).Format(time.RFC3339Nano), "until": begin.Add(3 * time.Second).Format(time.RFC3339Nano),
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if err := l.handler.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{})
		for range 3 {
			l.Info("a")
			time.Sleep(time.Second)
			l.Info("b")
		}
		l.written()
		for range 2 {
			if err := l.handler.Close(); err != nil {
				t.Error(err)
			}
		}
		l.Info("stopped")
		l.Info("stopped")
		l.want("at the end", "a 2", "b 2", "stopped", "stopped")
	})
}

func TestBoundedMemory(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{MaxLines: 10, MaxPerMinute: 10_000})
		l.Info("often")
		l.Info("often")
		for n := range 1_000 {
			l.Info("once", "n", n)
			if known := len(l.handler.counter.lines); known > 10 {
				t.Fatalf("%d lines are remembered", known)
			}
		}
		if err := l.handler.Close(); err != nil {
			t.Error(err)
		}
		if lines := l.written(); len(lines) != 1_002 {
			t.Errorf("%d lines were written, want 1,000 different ones and two of one that came twice", len(lines))
		}
	})
}

// TestManyLines logs a thousand changes a second for an hour. What is written does not grow with them, and tells
// of all of them.
func TestManyLines(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{})
		n := 0
		for range 10 * 60 {
			for range 100 {
				n++
				l.Info("call carried out", "target", n)
			}
			l.Info("another", "n", n)
			time.Sleep(time.Second)
		}
		if err := l.handler.Close(); err != nil {
			t.Error(err)
		}
		written, leftOut, another := 0, 0, 0
		for _, line := range l.records() {
			if line["msg"] == "another" {
				another++
				continue
			}
			written++
			if left, ok := line["left_out"].(float64); ok {
				leftOut += int(left)
				written-- // the line is one of those that are counted
			}
		}
		if written+leftOut != n || written > 11*300 || written < 10*300 {
			t.Errorf("of %d lines %d were written and %d counted", n, written, leftOut)
		}
		if another != 10*60 {
			t.Errorf("%d lines with another message, want %d", another, 10*60)
		}
	})
}

func TestEqual(t *testing.T) {
	const (
		id    = "0192f0c1-4e3b-7c2a-9c0d-1a2b3c4d5e6f"
		other = "7c2a9c0d-4e3b-4c2a-9c0d-6f5e4d3c2b1a"
	)
	start := func(encoding, request, port string) error {
		return errors.New("POST /encoding/encodings/" + encoding + "/start: HTTP 403, code 1001: not from 10.0.0.7:" + port + " within 30s (request " + request + ")")
	}
	for _, tt := range []struct {
		name string
		a, b []any
		want bool
	}{
		{"job, encoding, request, port and number of a failure", []any{"job", id + "/1", "err", start(id, "one", "50123"), "failures", 1}, []any{"job", other + "/17", "err", start(other, "two", "40321"), "failures", 12}, true},
		{"account of a failure", []any{"account", "production-1", "err", "no"}, []any{"account", "production-2", "err", "no"}, false},
		{"task of a failure", []any{"task", "start", "err", "no"}, []any{"task", "stop", "err", "no"}, false},
		{"status of a failure", []any{"err", "HTTP 502, gateway"}, []any{"err", "HTTP 503, gateway"}, false},
		{"code of a failure", []any{"err", "code 8003"}, []any{"err", "code 8004"}, false},
		{"text of a failure", []any{"err", "refused"}, []any{"err", "reset"}, false},
		{"encoding that is told of", []any{"encoding", id}, []any{"encoding", other}, false},
		{"number that is told of", []any{"effective_target", 3}, []any{"effective_target", 2}, false},
		{"time", []any{"until", time.Unix(1, 0)}, []any{"until", time.Unix(2, 0)}, true},
		{"duration", []any{"took", time.Second}, []any{"took", time.Minute}, true},
		{"call", []any{"method", "CancelJob", "took", time.Second, "call_id", "0a", "request_id", "0a.1"}, []any{"method", "CancelJob", "took", time.Minute, "call_id", "0b", "request_id", "0b.7"}, true},
		{"failed call", []any{"code", "NotFound", "err", `job "` + id + `/1" was not found`}, []any{"code", "NotFound", "err", `job "` + other + `/1234" was not found`}, true},
		{"caller", []any{"address", "10.0.0.1"}, []any{"address", "10.0.0.2"}, false},
		{"failure in a group", []any{slog.Group("g", "err", "no", "job", "a/1")}, []any{slog.Group("g", "err", "no", "job", "b/1")}, true},
		{"order", []any{"a", "x", "b", "y"}, []any{"b", "y", "a", "x"}, false},
		{"where one ends", []any{"a", "bc"}, []any{"ab", "c"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				l := newLog(t, Options{})
				l.Warn("m", tt.a...)
				l.Warn("m", tt.b...)
				if got := len(l.written()) == 1; got != tt.want {
					t.Errorf("equal: %v, want %v", got, tt.want)
				}
				if err := l.handler.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{})
		foreign := slog.NewLogLogger(l.handler, slog.LevelWarn) // as net/http's server has it
		foreign.Printf("http: TLS handshake error from 10.0.0.1:%d: EOF", 50123)
		foreign.Printf("http: TLS handshake error from 10.0.0.1:%d: EOF", 40321)
		if n := len(l.written()); n != 1 {
			t.Errorf("messages that differ by a port are %d lines", n)
		}
		if err := l.handler.Close(); err != nil {
			t.Error(err)
		}
	})
	bubble.Test(t, func(t *testing.T) {
		l := newLog(t, Options{})
		l.Info("m")
		l.Warn("m")
		l.With("account", "a").Warn("m")
		l.With("account", "b").Warn("m")
		l.WithGroup("account").Warn("m", "a", "a")
		l.WithGroup("account").Warn("m", "a", "a")
		l.Debug("d")
		l.Debug("d")
		l.want("level, attributes and groups of the logger", "m", "m", "m", "m", "m", "d", "d")
		if err := l.handler.Close(); err != nil {
			t.Error(err)
		}
		last := l.records()[0]
		if diff := cmp.Diff(map[string]any{"a": "a"}, last["account"]); diff != "" || last["repeated"] != 1.0 {
			t.Errorf("the count stands beside the group: got %v", last)
		}
	})
}

// secret is something that must not be written.
type secret string

func (secret) LogValue() slog.Value         { return slog.StringValue("REDACTED") }
func (secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, "REDACTED") }
func (secret) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }

type wrapped struct{ Key secret }

// broken panics when it is asked for its text, as a nil pointer does.
type broken struct{ text string }

func (b *broken) Error() string { return b.text }

func TestTexts(t *testing.T) {
	long := "BEGIN" + strings.Repeat("x", 6<<20) + "END"
	l := newLog(t, Options{})
	r := slog.NewRecord(time.Now(), slog.LevelError, long, 0)
	r.Add("string", long, "err", errors.New(long), "bytes", []byte(long),
		"struct", struct{ A string }{long}, slog.Group("h", "deep", long), "short", "as it is", "secret", secret(long),
		"hidden", wrapped{secret(long)}, "nil", (*broken)(nil))
	if err := l.With("with", long).WithGroup("g").Handler().Handle(t.Context(), r); err != nil {
		t.Error(err)
	}
	if n := l.buffer.Len(); n > 16<<10 {
		t.Errorf("the line has %d bytes", n)
	}
	text := l.buffer.String()
	if n := strings.Count(text, "BEGIN"); n != 7 || n != strings.Count(text, "END") && n != strings.Count(text, "END")-1 {
		t.Errorf("%d of 7 texts show their beginning: %.3000s", n, text)
	}
	if strings.Count(text, "REDACTED") != 2 || !strings.Contains(text, `"short":"as it is"`) {
		t.Errorf("secrets, or what is short, were changed: %.3000s", text)
	}
	if err := l.handler.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("GET /encoding/encodings/0192f0c1-4e3b/status: HTTP 503 (request r-1)")
	f.Add("(request ")
	f.Add("\xff12ms…")
	f.Fuzz(func(t *testing.T, text string) {
		if got := pattern(text); len(got) > len(text) {
			t.Errorf("the pattern of %q is %q", text, got)
		}
	})
}

// Lines that answer somebody are all written.
func TestEach(t *testing.T) {
	l := newLog(t, Options{MaxPerMinute: 1})
	for range 3 {
		l.ErrorContext(Each(t.Context()), "refused", "err", "no")
	}
	l.want("at once", "refused", "refused", "refused")
	l.Error("refused", "err", "no")
	l.Error("refused", "err", "no")
	l.want("others", "refused")
	_ = l.handler.Close()
}
