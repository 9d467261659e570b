package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
)

var (
	errTooLarge = connect.NewError(connect.CodeResourceExhausted, fmt.Errorf(
		"the request is larger than %d MiB: submit fewer jobs, and send the others by AddJobs", maxMessage>>20))
	errSlow      = connect.NewError(connect.CodeDeadlineExceeded, fmt.Errorf("the request came too slowly: want %d KiB a second", slowest>>10))
	errNotPacked = connect.NewError(connect.CodeInvalidArgument, errors.New(
		"the request is not gzip, as its Content-Encoding says: pack it, or leave out the header"))
)

// unpacker unpacks a request that is packed by gzip, up to the size of the largest message. Without this bound a few
// megabytes would become gigabytes, before it is known who sends them.
type unpacker struct {
	packed gzip.Reader
	left   int64 // bytes that it may still have
}

func newUnpacker() connect.Decompressor { return &unpacker{} }

func newPacker() connect.Compressor { return gzip.NewWriter(io.Discard) }

// Reset begins to unpack another request.
func (u *unpacker) Reset(packed io.Reader) error {
	u.left = maxMessage
	return unpackingError(u.packed.Reset(packed))
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.packed.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, errTooLarge
	}
	return n, unpackingError(err)
}

// Close ends the unpacking. What it unpacks stays open.
func (u *unpacker) Close() error { return unpackingError(u.packed.Close()) }

// unpackingError tells a file that is not gzip, or is cut off, from one that cannot be read.
func unpackingError(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNotPacked
	}
	return err
}

// openBody makes the body of a request in plain JSON one that is unpacked, bounded, and read: what is wrong with it, in
// the middle of a call, would be an error of the server. It answers a request that cannot have such a body, and reports
// false. closeBody has to be called when the body is not needed any more.
func (h *callHandler) openBody(w http.ResponseWriter, r *http.Request) (closeBody func(), ok bool) {
	closeBody = func() {}
	if r.ContentLength > maxMessage {
		writeFailure(w, errTooLarge)
		return closeBody, false
	}
	var body io.Reader = &pacedReader{Reader: r.Body, began: time.Now()}
	largest := r.ContentLength
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		if largest < 0 {
			largest = maxMessage
		}
	case "gzip":
		largest = maxMessage
		u := &unpacker{}
		if err := u.Reset(body); err != nil {
			writeFailure(w, err)
			return closeBody, false
		}
		body = u
	default:
		writeError(w, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument, fmt.Sprintf("Content-Encoding %s: want gzip, or none", encoding))
		return closeBody, false
	}
	text, err := io.ReadAll(io.LimitReader(body, smallBody))
	if err == nil && len(text) == smallBody {
		if closeBody, ok = h.makeRoom(w, r, largest); !ok {
			return closeBody, false
		}
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(body, maxMessage-smallBody+1))
		text = append(text, rest...)
	}
	if err == nil && len(text) > maxMessage {
		err = errTooLarge
	}
	if err != nil {
		writeFailure(w, err)
		return closeBody, false
	}
	r.Header.Del("Content-Encoding")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return closeBody, true
}

const (
	// smallBody is the size up to which a body is read of whoever sends it, in bytes.
	smallBody = 64 << 10
	// bodyRoom is what larger bodies may have together, in bytes, and roomTime how long one waits for its turn.
	bodyRoom, roomTime = 4 * maxMessage, 10 * time.Second
	// slowest is how many bytes of a body have to arrive in a second, on average, after the first stallTimeout.
	slowest = 26 << 10
)

// makeRoom waits until there is room for a body of up to largest bytes. It answers a request of a caller that is not
// known, and one for which there is no room, and reports false: some bytes may unpack to the largest message, and a caller
// may take its time for the last of them. free has to be called when the body is not needed any more.
func (h *callHandler) makeRoom(w http.ResponseWriter, r *http.Request, largest int64) (free func(), ok bool) {
	if answer := whoCalls(h, r); answer.status != http.StatusOK {
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // else the answer would wait for the rest of the request
		}
		answer.copyTo(w)
		return func() {}, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), roomTime)
	defer cancel()
	if err := h.bodies.Acquire(ctx, largest); err != nil {
		writeError(w, http.StatusTooManyRequests, connect.CodeResourceExhausted, fmt.Sprintf(
			"other requests take up the %d MiB that there are for large requests in JSON: try again", bodyRoom>>20))
		return func() {}, false
	}
	return sync.OnceFunc(func() { h.bodies.Release(largest) }), true
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
