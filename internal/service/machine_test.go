package service

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/config"
)

// What runs short is told once, and once that it no longer does.
func TestShortSupplies(t *testing.T) {
	var log bytes.Buffer
	m := newMachine(slog.New(slog.NewTextHandler(&log, nil)), func() {})
	if len(m.supplies) != 2 {
		t.Fatalf("%d supplies", len(m.supplies))
	}
	for n, what := range []string{"file descriptors", "memory"} {
		one := *m.supplies[n]
		used, limit := uint64(0), uint64(1000)
		one.read = func() (uint64, uint64) { return used, limit }
		alone := *m
		alone.supplies = []*supply{&one}
		for _, tt := range []struct {
			used uint64
			want string // in the line that is written
		}{{100, ""}, {899, ""}, {900, what + " of this process run"}, {1000, ""}, {850, ""}, {799, "enough " + what + " again"}, {950, what + " of this process run"}} {
			log.Reset()
			used = tt.used
			alone.look(t.Context())
			if got := log.String(); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("with %d used the log says %q, want %q", tt.used, got, tt.want)
			}
		}
		log.Reset()
		one.isShort, limit = false, 0
		if alone.look(t.Context()); log.Len() > 0 {
			t.Errorf("without a limit: %s", log.String())
		}
	}
}

// A clock that jumps is told, forth and back, and what waits for a time looks at it anew. What a time server corrects
// is not.
func TestClockJumps(t *testing.T) {
	var log bytes.Buffer
	jumps := 0
	m := newMachine(slog.New(slog.NewTextHandler(&log, nil)), func() { jumps++ })
	m.supplies = nil
	wall, passed := time.Unix(1_000_000, 0), time.Duration(0)
	m.wall, m.passed = func() time.Time { return wall }, func() time.Duration { return passed }
	m.lastWall, m.lastTime = wall, passed
	for _, tt := range []struct {
		by   time.Duration
		want string
	}{{0, ""}, {2 * time.Second, ""}, {24 * time.Hour, "by=24h0m0s"}, {0, ""}, {-24 * time.Hour, "by=-24h0m0s"}} {
		log.Reset()
		passed += 5 * time.Second
		wall = wall.Add(5*time.Second + tt.by)
		m.look(t.Context())
		if got := log.String(); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("moved by %v the log says %q, want %q", tt.by, got, tt.want)
		}
	}
	if jumps != 2 {
		t.Errorf("%d jumps, want 2", jumps)
	}
}

// Connections of callers leave the service the descriptors that it needs itself.
func TestLimitConnections(t *testing.T) {
	for _, tt := range []struct {
		descriptors uint64
		configured  int
		want        int
		warns       bool
	}{
		{65536, 10_000, 10_000, false}, {0, 10_000, 10_000, false}, {1024, 10_000, 224, true}, {1024, 100, 100, false}, {64, 10_000, 8, true}, {4, 10_000, 1, true},
	} {
		var log bytes.Buffer
		cfg := &config.Config{
			Listen: "a", HTTPListen: "b", WebListen: "c", AdminListen: "d",
			Accounts: make([]config.Account, 1), Limits: config.Limits{Connections: tt.configured},
		}
		if got := limitConnections(cfg, tt.descriptors, slog.New(slog.NewTextHandler(&log, nil))); got != tt.want || (log.Len() > 0) != tt.warns {
			t.Errorf("%d descriptors: %d connections, log %q; want %d", tt.descriptors, got, log.String(), tt.want)
		}
	}
}

func TestLogTail(t *testing.T) {
	tail := NewLogTail()
	for n := range 100_000 {
		if _, err := tail.Write([]byte("line " + strings.Repeat("x", n%50) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = tail.Write([]byte("the end\n")) // never fails
	got := tail.String()
	if len(got) > tailBytes || len(got) < tailBytes-100 || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "\nthe end\n") {
		t.Errorf("%d bytes, from %.20q to %q", len(got), got, got[len(got)-20:])
	}
	short := NewLogTail()
	_, _ = short.Write([]byte("one\ntwo\n"))
	if short.String() != "one\ntwo\n" || (*LogTail)(nil).String() != "" {
		t.Errorf("a short log: %q", short.String())
	}
}
