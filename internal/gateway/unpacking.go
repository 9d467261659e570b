package gateway

import (
	"compress/gzip"
	"errors"
	"io"

	"connectrpc.com/connect"
)

var errNotPacked = connect.NewError(connect.CodeInvalidArgument, errors.New(
	"the request is not gzip, as its Content-Encoding says: pack it, or leave out the header"))

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
