package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// newTokenHandler handles the calls of [tokenCalls].
func newTokenHandler() *callHandler {
	service := stokerv1.File_stoker_v1_access_service_proto.Services().ByName("AccessService")
	return &callHandler{
		transcoder: http.HandlerFunc(tokenCalls), bodies: semaphore.NewWeighted(bodyRoom), decoding: semaphore.NewWeighted(decodingRoom),
		methods: map[string]protoreflect.MethodDescriptor{whoAmI: service.Methods().ByName("WhoAmI")}, errors: connect.NewErrorWriter(),
		shares: shares{most: bodyRoom / 2}, withRequest: func(ctx context.Context, _ func() []byte) context.Context { return ctx },
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
		if !h.bodies.TryAcquire(bodyRoom - (1<<20 + 2) + 1) {
			t.Fatal("there is no room")
		}
		if w := h.post(t, large()); !saysWhenToComeBack(w, bodyLimit) || !strings.Contains(w.Body.String(), "the 64 MiB that there are for large requests over HTTP") {
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

// One caller cannot take up all the room for large bodies, however slowly it sends.
func TestCallersShareRoom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newTokenHandler()
		h.transcoder = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"principal":{"name":"token:`+r.Header.Get("Authorization")+`","kind":"PRINCIPAL_KIND_TOKEN"}}`)
		})
		post := func(by string, body io.Reader, length int64) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, whoAmI, body)
			r.ContentLength = length
			r.Header.Set("Content-Type", jsonType)
			r.Header.Set("Authorization", by)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		var ends []*io.PipeWriter
		var all sync.WaitGroup
		for range 2 * bodyRoom / maxMessage {
			body, rest := io.Pipe()
			ends = append(ends, rest)
			all.Go(func() { _, _ = rest.Write(make([]byte, smallBody)) }) // ends with the request
			all.Go(func() {
				if w := post("slow", body, maxMessage); w.Code == http.StatusOK {
					t.Error("a body that is cut off was taken")
				}
				_ = body.Close() // never fails
			})
		}
		synctest.Wait()
		began := time.Now()
		if w := post("other", strings.NewReader("{}"+strings.Repeat(" ", 1<<20)), 2+1<<20); w.Code != http.StatusOK || !time.Now().Equal(began) {
			t.Errorf("another caller, after %v: %d %.200s", time.Since(began), w.Code, w.Body)
		}
		for _, rest := range ends {
			_ = rest.CloseWithError(io.ErrUnexpectedEOF) // never fails
		}
		all.Wait()
		if !h.bodies.TryAcquire(bodyRoom) || len(h.shares.held) > 0 {
			t.Errorf("not everything was given back: %v", h.shares.held)
		}
	})
}

// frame is a message of a length behind its head.
func frame(flags byte, length int, message []byte) io.Reader {
	return bytes.NewReader(append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(length)), message...))
}

// What comes in another protocol than plain JSON is bounded as well, before anything else reads it: nobody who is not
// known can have it kept, or unpacked.
func TestBodiesOfOtherProtocols(t *testing.T) {
	h := newTokenHandler()
	var reached []string // the media types of calls whose bodies somebody else reads
	h.transcoder = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != jsonType {
			reached = append(reached, r.Header.Get("Content-Type"))
		}
		tokenCalls(w, r)
	})
	part := bytes.Repeat([]byte(" "), 1<<20)
	copy(part, "{}")
	for _, media := range []string{"application/grpc", "application/grpc-web+proto", "application/grpc-web+json", "application/connect+json", "application/proto"} {
		for name, tt := range map[string]struct {
			body io.Reader
			by   string // who sends it
			want string // code of the error; empty: somebody else reads the body
		}{
			"large":                 {frame(0, 31<<20, part), "stk_other", "unauthenticated"},
			"packed":                {frame(framePacked, 10, part[:10]), "stk_other", "unauthenticated"},
			"small":                 {frame(0, 10, part[:10]), "stk_other", ""},
			"of somebody known":     {frame(0, len(part), part), "stk_valid", ""},
			"cut off":               {frame(0, 31<<20, part), "stk_valid", "invalid_argument"},
			"longer than it says":   {frame(0, 10, part), "stk_valid", "invalid_argument"},
			"larger than it may":    {frame(0, maxMessage+1, part), "stk_valid", "resource_exhausted"},
			"without any end, ever": {io.MultiReader(frame(0, maxMessage, nil), endless{}), "stk_valid", "invalid_argument"},
		} {
			if media == "application/proto" { // which has no frames
				switch name {
				case "packed", "cut off", "longer than it says", "larger than it may":
					continue
				case "without any end, ever":
					tt.want = "resource_exhausted"
				}
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, whoAmI, tt.body)
			r.Header.Set("Content-Type", media)
			r.Header.Set("Authorization", "Bearer "+tt.by)
			w := httptest.NewRecorder()
			reached = nil
			h.ServeHTTP(w, r)
			if got := codeOf(t, w, media); tt.want != "" && (got != tt.want || len(reached) > 0) || tt.want == "" && len(reached) != 1 {
				t.Errorf("%s, %s: error %q, read by somebody else: %q; want error %q", media, name, got, reached, tt.want)
			}
		}
	}
}

// When many bodies arrive, those of strangers are not waited for.
func TestManyBodiesArrive(t *testing.T) {
	h := newTokenHandler()
	h.arriving.Store(manyArriving)
	for by, want := range map[string]int{"stk_valid": http.StatusOK, "stk_other": http.StatusUnauthorized} {
		var body io.Reader = strings.NewReader("{}")
		if by == "stk_other" {
			body = unread{t}
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, whoAmI, body)
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("Authorization", "Bearer "+by)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d %s", by, w.Code, w.Body)
		}
	}
	if n := h.arriving.Swap(2 * manyArriving); n != manyArriving {
		t.Errorf("%d bodies arrive in the end, want those of before", n)
	}
	if w := h.post(t, unread{t}); !saysWhenToComeBack(w, "http_requests_arriving") || !strings.Contains(w.Body.String(), "3000 requests have begun and do not arrive") {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
}

// unread must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// codeOf is the code of an error in the protocol of a media type; empty if there is none.
func codeOf(t *testing.T, w *httptest.ResponseRecorder, media string) string {
	t.Helper()
	if strings.HasPrefix(media, "application/grpc") {
		var code connect.Code
		for _, text := range []string{w.Header().Get("Grpc-Status"), w.Result().Trailer.Get("Grpc-Status")} {
			if n, err := strconv.Atoi(text); err == nil {
				code = connect.Code(n)
			}
		}
		if code == 0 {
			return ""
		}
		return code.String()
	}
	_, text, _ := strings.Cut(w.Body.String(), `"code":"`)
	code, _, _ := strings.Cut(text, `"`)
	return code
}

// The details of a refusal are those of the server, in every protocol.
func TestRefusalInOtherProtocols(t *testing.T) {
	answer := &keptAnswer{status: http.StatusTooManyRequests}
	answer.body.WriteString(`{"code":"resource_exhausted","message":"too many","details":[{"type":"google.rpc.RetryInfo","value":"CgIIAQ","debug":{"retryDelay":"1s"}}]}`)
	failure := answer.failure()
	if failure.Code() != connect.CodeResourceExhausted || failure.Message() != "too many" || len(failure.Details()) != 1 {
		t.Fatalf("%v with %d details", failure, len(failure.Details()))
	}
	detail, err := failure.Details()[0].Value()
	if retry, ok := detail.(*errdetails.RetryInfo); err != nil || !ok || retry.GetRetryDelay().AsDuration() != time.Second {
		t.Errorf("the detail is %v, %v", detail, err)
	}
	if failure := (&keptAnswer{}).failure(); failure.Code() != connect.CodeUnavailable {
		t.Errorf("without an answer: %v", failure)
	}
}

// What is decoded takes more memory than its text, and has its turn as well.
func TestEntriesShareRoom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newTokenHandler()
		const entries = 10_000
		body := func() io.Reader {
			return strings.NewReader(`{"principal":[` + strings.Repeat("{},", entries/2)[:3*entries/2-1] + "]}")
		}
		size := int64(len(`{"principal":[]}`) + 3*entries/2 - 1)
		if !h.decoding.TryAcquire(decodingRoom - 2*size - (entries+1)*entryBytes + 1) {
			t.Fatal("there is no room")
		}
		if w := h.post(t, body()); w.Code != http.StatusTooManyRequests {
			t.Errorf("%d %.200s", w.Code, w.Body)
		}
		h.decoding.Release(1)
		for range 2 { // each gives back what it took up
			if w := h.post(t, body()); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "principal: is no field of the request") {
				t.Errorf("with room: %d %.200s", w.Code, w.Body)
			}
		}
	})
}

func TestCountEntries(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `{}`: 1, `[{},{}]`: 4, `{"a": "{,[", "b\\": "\",{", "c": [1, 2]}`: 5,
	} {
		if got := countEntries([]byte(text)); got != want {
			t.Errorf("%s has %d entries, want %d", text, got, want)
		}
	}
}

// saysWhenToComeBack reports whether an answer names a limit, and says when to come back.
func saysWhenToComeBack(w *httptest.ResponseRecorder, limit string) bool {
	answer := &keptAnswer{status: w.Code}
	answer.body.Write(w.Body.Bytes())
	named, retries := false, false
	for _, d := range answer.failure().Details() {
		switch detail, _ := d.Value(); detail := detail.(type) {
		case *errdetails.ErrorInfo:
			named = detail.GetMetadata()["limit"] == limit
		case *errdetails.RetryInfo:
			retries = detail.GetRetryDelay().AsDuration() == bodyRetry
		}
	}
	return w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "5" && named && retries
}
