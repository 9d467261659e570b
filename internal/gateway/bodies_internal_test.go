package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// newTokenHandler handles the calls of [tokenCalls].
func newTokenHandler() *callHandler {
	service := stokerv1.File_stoker_v1_access_service_proto.Services().ByName("AccessService")
	return &callHandler{
		transcoder: http.HandlerFunc(tokenCalls), bodies: semaphore.NewWeighted(bodyRoom),
		methods: map[string]protoreflect.MethodDescriptor{whoAmI: service.Methods().ByName("WhoAmI")},
	}
}

func (h *callHandler) post(t *testing.T, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, whoAmI, body)
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Authorization", "Bearer stk_valid")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// What is large is read in turn, and a caller that does not get its turn is told.
func TestLargeBodiesShareRoom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newTokenHandler()
		large := func() io.Reader { return bytes.NewReader(append([]byte(`{}`), bytes.Repeat([]byte(" "), 1<<20)...)) }
		const size = 1<<20 + 2
		if !h.bodies.TryAcquire(bodyRoom - size + 1) {
			t.Fatal("there is no room")
		}
		if w := h.post(t, large()); w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "the 128 MiB that there are for large requests in JSON") {
			t.Errorf("%d %.200s", w.Code, w.Body)
		}
		if w := h.post(t, strings.NewReader("{}")); w.Code != http.StatusOK {
			t.Errorf("a small one: %d %.200s", w.Code, w.Body)
		}
		h.bodies.Release(1)
		for range 2 { // each gives back what it took up
			if w := h.post(t, large()); w.Code != http.StatusOK {
				t.Errorf("with room: %d %.200s", w.Code, w.Body)
			}
		}
	})
}

// slowReader gives one byte after each pause.
type slowReader struct{ pause time.Duration }

func (r slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.pause)
	p[0] = ' '
	return 1, nil
}

// A body that hardly arrives is given up, although each of its parts comes in time.
func TestSlowBodies(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		began := time.Now()
		w := newTokenHandler().post(t, slowReader{10 * time.Second})
		if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "the request came too slowly: want 26 KiB a second") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it was given up after %s", took)
		}
	})
}
