package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/testkit/lockedbuffer"
	"github.com/stokerd/stoker/server"
)

// A request that is handed over is taken once, and held to the limits of one that arrives.
func TestRequestsThatAreHandedOver(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Limits.MaxRequestBytes = 400_000 })
	own := grpc.NewServer(w.server.Options()...)
	w.server.Register(own)
	t.Cleanup(own.Stop)
	for name, tt := range map[string]struct {
		request []byte
		want    string // code of the answer
	}{"too large": {make([]byte, 400_001), "8"}, "no message": {[]byte("garbage"), "3"}, "too many jobs": {emptyJobs(100_001), "3"}, "one without jobs": {nil, "3"}} {
		taken := 0
		ctx := server.WithRequest(t.Context(), func() []byte {
			taken++
			return tt.request
		})
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, submitMethod, bytes.NewReader(make([]byte, 5)))
		r.ProtoMajor, r.ProtoMinor = 2, 0
		r.Header.Set("Content-Type", "application/grpc")
		answer := httptest.NewRecorder()
		own.ServeHTTP(answer, r)
		if got := answer.Result().Trailer.Get("Grpc-Status"); got != tt.want || taken != 1 {
			t.Errorf("%s: code %q, taken %d times; want code %s", name, got, taken, tt.want)
		}
	}
}

// Nobody fills the log by asking for a page of operators.
func TestRefusedPagesInTheLog(t *testing.T) {
	var log lockedbuffer.Buffer
	w := newWorld(t, func(c *server.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	const requests = 5_000
	tooMany, refusals := 0, server.NewRefusals(w.server)
	for n := range requests {
		page := fmt.Sprintf("/%d%s", n, strings.Repeat("x", 10_000))
		if refusals.NoteStranger(t.Context(), page, "192.0.2.1", errors.New("no proof")) {
			tooMany++
		}
		refusals.NoteRefusal(t.Context(), page, "192.0.2.1", &access.Principal{Name: "token:team", Role: access.Operator})
	}
	if text := log.String(); len(text) > 20<<10 || !strings.Contains(text, "caller refused") || !strings.Contains(text, "principal=token:team") {
		t.Errorf("%d requests wrote %d bytes: %.1000s", requests, len(text), text)
	}
	if counted := server.NewFigures(w.server).RefusedCallers(); counted != requests || tooMany == 0 {
		t.Errorf("%d are counted, and %d are too many", counted, tooMany)
	}
}
