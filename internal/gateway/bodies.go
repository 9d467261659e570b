package gateway

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Every call has one request, and its body is read before the call begins. Behind this, the body would be read while
// the server decides about the call, as fast as it comes: for callers whom nobody knows, and more of it than a request
// may have.

const (
	// smallBody is the size up to which a body is read of whoever sends it, in bytes.
	smallBody = 4 << 10
	// manyArriving is how many bodies may be on their way to smallBody of whoever sends them, and again of known callers.
	manyArriving = 1_500
	// bodyRoom is what larger bodies may have together, in bytes, and roomTime how long one waits for its turn.
	bodyRoom, roomTime = 2 * (maxMessage + frameSize), 10 * time.Second
	// decodingRoom is what is decoded of requests in JSON may take up together, in bytes, beside their texts, until the
	// calls have ended; and entryBytes is what one entry takes up beside its text.
	decodingRoom, entryBytes = 64 << 20, 100
	// slowest is how many bytes of a body have to arrive in a second, on average, after the first stallTimeout.
	slowest = 26 << 10
)

const (
	// bodyLimit names what large requests share in refusals.
	bodyLimit = "http_request_bytes_in_all"
	// bodyRetry is when a request that found no room is advised to come back.
	bodyRetry = 5 * time.Second
)

var (
	errTooLarge = newLimitError("request_bytes", 0, fmt.Sprintf(
		"the request is larger than %d MiB: submit fewer jobs, and send the others by AddJobs", maxMessage>>20))
	errStreamTooLarge = newLimitError("stream_request_bytes", 0, fmt.Sprintf("the request is larger than %d bytes", maxStreamRequest))
	errSlow           = connect.NewError(connect.CodeDeadlineExceeded, fmt.Errorf("the request came too slowly: want %d KiB a second", slowest>>10))
	errNoRoom         = newLimitError(bodyLimit, bodyRetry, fmt.Sprintf(
		"other requests take up the %d MiB that there are for large requests over HTTP: try again", bodyRoom>>20))
	errShareTaken = newLimitError(bodyLimit, bodyRetry, fmt.Sprintf(
		"your other requests take up half of the %d MiB that there are for large requests over HTTP: try again when they have ended", bodyRoom>>20))
	errManyArrive = newLimitError("http_requests_arriving", bodyRetry, fmt.Sprintf(
		"%d requests have begun and do not arrive: try again", 2*manyArriving))
	errNotRead       = errors.New("the request could not be read")
	errNotOneMessage = connect.NewError(connect.CodeInvalidArgument, errors.New("the request is not one message of the length that it says"))
)

// refusedCallError is the error of a body of a caller that may not send it.
type refusedCallError struct{ answer *keptAnswer }

func (*refusedCallError) Error() string { return "the caller is refused" }

// openBody reads the body of a request, and unpacks one in plain JSON: what is wrong with it, in the middle of a call,
// would be an error of the server. It answers a request that cannot have such a body, and reports false. closeBody has
// to be called when the body is not needed any more.
func (h *callHandler) openBody(w http.ResponseWriter, r *http.Request, media string, method protoreflect.MethodDescriptor) (closeBody func(), ok bool) {
	var taken []func()
	closeBody = sync.OnceFunc(func() {
		for _, free := range taken {
			free()
		}
	})
	text, err := h.readBody(r, media, func(room *semaphore.Weighted, caller string, bytes int64) error {
		if !h.shares.take(caller, bytes) {
			return errShareTaken
		}
		taken = append(taken, func() { h.shares.giveBack(caller, bytes) })
		ctx, cancel := context.WithTimeout(r.Context(), roomTime)
		defer cancel()
		if room.Acquire(ctx, bytes) != nil {
			return errNoRoom
		}
		taken = append(taken, func() { room.Release(bytes) })
		return nil
	})
	switch {
	case err != nil:
	case len(taken) > 0 && !method.IsStreamingServer():
		err = h.handOver(r, media, method, text)
	default:
		setBody(r, text)
	}
	if err != nil {
		h.writeBodyError(w, r, media, err)
		return closeBody, false
	}
	return closeBody, true
}

// readBody reads a body. take waits until there is room for some bytes; with the name of a caller, they are part of its
// share.
func (h *callHandler) readBody(r *http.Request, media string, take func(room *semaphore.Weighted, caller string, bytes int64) error) ([]byte, error) {
	isJSON, framed, packed, most := strings.HasSuffix(media, "json"), isFramed(media), isPacked(r), int64(maxMessage)
	if framed {
		most += frameSize
	}
	if r.ContentLength > most {
		return nil, errTooLarge
	}
	var from io.Reader = &pacedReader{Reader: r.Body, began: time.Now()}
	arriving := r.ContentLength // bytes of from, at most
	if packed && media == jsonType {
		u := &unpacker{}
		if err := u.Reset(from); err != nil {
			return nil, err
		}
		r.Header.Del("Content-Encoding")
		from, arriving = u, -1
	}
	if arriving < 0 {
		arriving = most
	}
	text, err := h.readSmall(r, from)
	if err != nil {
		return nil, err
	}
	if framed && len(text) >= frameSize {
		packed, arriving = text[0]&framePacked != 0, frameSize+int64(binary.BigEndian.Uint32(text[1:]))
	}
	if arriving > most {
		return nil, errTooLarge
	}
	// Some bytes may unpack to the largest message, and a caller may take its time for the last of them.
	if len(text) == smallBody || packed && media != jsonType {
		caller, err := h.checkKnown(r)
		if err != nil {
			return nil, err
		}
		room := arriving
		if packed {
			room = maxMessage
		}
		if err := take(h.bodies, caller, room); err != nil {
			return nil, err
		}
		if r.ContentLength >= arriving {
			text = slices.Grow(text, int(max(arriving-smallBody, 0))+1)
		}
		if text, err = readBounded(text, from, int(max(arriving, smallBody))); err != nil {
			return nil, err
		}
	}
	switch n := int64(len(text)); {
	case framed && n > 0 && n != arriving:
		return nil, errNotOneMessage
	case n > arriving:
		return nil, errTooLarge
	case isJSON && framed && packed:
		return text, take(h.decoding, "", decodingRoom)
	case isJSON && n > smallBody:
		return text, take(h.decoding, "", min(2*n+int64(countEntries(text))*entryBytes, decodingRoom))
	}
	return text, nil
}

// readSmall reads a body up to smallBody. When many bodies arrive at the same time, it does so for known callers alone,
// and for nobody when there are twice as many: each takes up a stream with some twenty kilobytes for as long as it stalls.
func (h *callHandler) readSmall(r *http.Request, from io.Reader) ([]byte, error) {
	defer h.arriving.Add(-1)
	switch n := h.arriving.Add(1); {
	case n > 2*manyArriving:
		return nil, errManyArrive
	case n > manyArriving:
		if _, err := h.checkKnown(r); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(from, smallBody))
}

// checkKnown returns the name of the caller of a request, or a [refusedCallError] if it is not known. The name is empty if
// nobody is asked who they are.
func (h *callHandler) checkKnown(r *http.Request) (name string, err error) {
	answer := whoCalls(http.HandlerFunc(h.serveJSON), r)
	if answer.status != http.StatusOK {
		return "", &refusedCallError{answer}
	}
	var who struct{ Principal struct{ Name, Kind string } }
	if json.Unmarshal(answer.body.Bytes(), &who) != nil || who.Principal.Kind == "PRINCIPAL_KIND_LOCAL" {
		return "", nil
	}
	return who.Principal.Name, nil
}

// shares are what callers take up of something, by the name of the caller.
type shares struct {
	most int64 // of one caller

	mu   sync.Mutex
	held map[string]int64
}

// take adds n to the share of a caller, or reports false. Without a name there is no share.
func (s *shares) take(caller string, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if caller == "" {
		return true
	}
	if s.held[caller]+n > s.most {
		return false
	}
	if s.held == nil {
		s.held = map[string]int64{}
	}
	s.held[caller] += n
	return true
}

func (s *shares) giveBack(caller string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if caller == "" {
		return
	}
	if s.held[caller] -= n; s.held[caller] == 0 {
		delete(s.held, caller)
	}
}

// isFramed reports whether the messages of a media type follow a head with their length.
func isFramed(media string) bool {
	return strings.HasPrefix(media, "application/grpc") || strings.HasPrefix(media, "application/connect+")
}

// isPacked reports whether the body of a request is packed as a whole.
func isPacked(r *http.Request) bool {
	encoding := r.Header.Get("Content-Encoding")
	return encoding != "" && encoding != "identity"
}

// writeBodyError answers a request whose body was not read, as its protocol has it.
func (h *callHandler) writeBodyError(w http.ResponseWriter, r *http.Request, media string, err error) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // else the answer would wait for the rest of the request
	}
	refused, isRefused := errors.AsType[*refusedCallError](err)
	switch {
	case media != jsonType && isRefused:
		err = refused.answer.failure()
	case isRefused:
		refused.answer.copyTo(w)
		return
	case media == jsonType && (errors.Is(err, errNoRoom) || errors.Is(err, errShareTaken) || errors.Is(err, errManyArrive)):
		failure, _ := errors.AsType[*connect.Error](err) // each is one
		w.Header().Set("Retry-After", strconv.Itoa(int(bodyRetry.Seconds())))
		writeConnectError(w, http.StatusTooManyRequests, failure)
		return
	case media == jsonType && isDecodingError(err):
		r.Header.Set("Content-Type", jsonType) // as for a call
		r.Header.Set("Connect-Protocol-Version", "1")
	case media == jsonType:
		writeFailure(w, err)
		return
	}
	if _, ok := errors.AsType[*connect.Error](err); !ok {
		err = connect.NewError(connect.CodeInvalidArgument, errNotRead)
	}
	_ = h.errors.Write(w, r, err) // the caller may have hung up
}

// readOnce reads a text, and lets go of it at its end: a watch lasts for hours.
type readOnce struct{ text []byte }

func (b *readOnce) Read(p []byte) (int, error) {
	n := copy(p, b.text)
	if b.text = b.text[n:]; len(b.text) == 0 {
		b.text = nil
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// countEntries returns how many objects a text in JSON has, and entries of objects and lists, or some more. A text of
// them alone takes fifty times as much memory when it is decoded.
func countEntries(text []byte) (n int) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == '{' || c == '[' || c == ','):
			n++
		}
	}
	return n
}

// pacedReader reads what does not arrive too slowly.
type pacedReader struct {
	io.Reader
	began time.Time
	bytes int64 // that have arrived
}

func (r *pacedReader) Read(p []byte) (int, error) {
	if time.Since(r.began) > stallTimeout+time.Duration(r.bytes)*time.Second/slowest {
		return 0, errSlow
	}
	n, err := r.Reader.Read(p)
	r.bytes += int64(n)
	return n, err
}
