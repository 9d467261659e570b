package systemd_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/systemd"
)

// listen makes the socket of a service manager, and a function that returns the next message to it.
func listen(t *testing.T) (next func() string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		buffer := make([]byte, 4096)
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func TestTells(t *testing.T) {
	next := listen(t)
	m := systemd.New(slog.New(slog.DiscardHandler))
	m.Ready()
	m.Reloading()
	m.Stopping()
	for _, want := range []string{"READY=1", "RELOADING=1", "STOPPING=1"} {
		if got := next(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

// The watchdog is fed while the check succeeds, not while it fails or hangs, and again afterwards.
func TestFeed(t *testing.T) {
	next := listen(t)
	t.Setenv("WATCHDOG_USEC", "40000")
	failed := make(chan string, 10)
	m := systemd.New(slog.New(errorHandler{slog.DiscardHandler, failed}))
	ctx, stop := context.WithCancelCause(t.Context())
	checks := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Feed(ctx, func(ctx context.Context) error {
			checks++
			switch checks {
			case 2:
				return errors.New("it fails")
			case 3:
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		})
	}()
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("told %q", got)
	}
	for _, want := range []string{"it fails", "it has not answered for half of the watchdog's time"} {
		if got := <-failed; got != want {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("told %q", got)
	}
	stop(nil)
	<-done
	if checks < 4 {
		t.Errorf("fed after %d checks", checks)
	}
}

// Without a service manager nothing is told, and nothing is checked.
func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	failed := make(chan string, 10)
	m := systemd.New(slog.New(errorHandler{slog.DiscardHandler, failed}))
	m.Ready()
	m.Feed(t.Context(), func(context.Context) error {
		t.Error("checked")
		return nil
	})
	if len(failed) > 0 {
		t.Errorf("logged %q", <-failed)
	}
}

// errorHandler passes on the errors of what is logged.
type errorHandler struct {
	slog.Handler
	errs chan string
}

func (errorHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h errorHandler) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			h.errs <- a.Value.String()
		}
		return true
	})
	return nil
}
