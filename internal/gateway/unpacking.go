package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"

	"connectrpc.com/connect"
)

var (
	errTooLarge = connect.NewError(connect.CodeResourceExhausted, fmt.Errorf(
		"the request is larger than %d MiB: submit fewer jobs, and send the others by AddJobs", maxMessage>>20))
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

// openBody makes the body of a request in plain JSON one that is unpacked and bounded. It answers a request that cannot
// have such a body, and reports false. A body whose size is not known beforehand is read at once: an error in the middle
// of a call would be the server's.
func openBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength > maxMessage {
		writeFailure(w, errTooLarge)
		return false
	}
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		if r.ContentLength >= 0 {
			return true
		}
	case "gzip":
		u := &unpacker{}
		if err := u.Reset(body); err != nil {
			writeFailure(w, err)
			return false
		}
		body = u
	default:
		writeError(w, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument, fmt.Sprintf("Content-Encoding %s: want gzip, or none", encoding))
		return false
	}
	text, err := io.ReadAll(io.LimitReader(body, maxMessage+1))
	if err == nil && len(text) > maxMessage {
		err = errTooLarge
	}
	if err != nil {
		writeFailure(w, err)
		return false
	}
	r.Header.Del("Content-Encoding")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return true
}
