package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A large request would be in memory six times on its way through the transcoder and the gRPC server: its text and its
// message twice each, and the encoded message as it is sent and as it is received. So its message is unpacked, and
// decoded, before the call begins, and handed to the server as it is. The transcoder gets an empty request, and
// translates the answer.

// handOver unpacks the message of a request whose body was read, and has the server take it. A body that is not packed
// as this server knows it goes the usual way: the transcoder explains what is wrong with it. From here on nothing else
// may hold the body.
func (h *callHandler) handOver(r *http.Request, media string, method protoreflect.MethodDescriptor, body []byte) error {
	unpacked, ok, err := unpackMessage(r, media, body)
	switch {
	case err != nil:
		return err
	case !ok:
		setBody(r, body)
		return nil
	}
	message, stub := unpacked, []byte{}
	if strings.HasSuffix(media, "json") {
		if message, err = encodeJSON(unpacked, method.Input()); err != nil {
			return err
		}
		stub = []byte("{}")
	}
	if isFramed(media) {
		stub = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(stub))), stub...)
	}
	r.Header.Del("Content-Encoding")
	r.Header.Del("Grpc-Encoding")
	*r = *r.WithContext(h.withRequest(r.Context(), func() []byte {
		taken := message
		message = nil // the server keeps it no longer than it needs it
		return taken
	}))
	setBody(r, stub)
	return nil
}

// setBody gives a request a body that is in memory.
func setBody(r *http.Request, text []byte) {
	r.Body, r.ContentLength = io.NopCloser(&readOnce{text}), int64(len(text))
}

// unpackMessage returns the message in a body, as its protocol encodes it, and reports false if the body is not of a
// protocol, or packing, that is known here.
func unpackMessage(r *http.Request, media string, body []byte) (message []byte, ok bool, err error) {
	packing := r.Header.Get("Content-Encoding")
	switch {
	case media == jsonType, media == "application/proto":
	case strings.HasPrefix(media, "application/grpc"):
		if len(body) < frameSize || body[0] > framePacked {
			return nil, false, nil
		}
		packing = ""
		if body[0] == framePacked {
			if packing = r.Header.Get("Grpc-Encoding"); packing == "" {
				return nil, false, nil
			}
		}
		body = body[frameSize:]
	default:
		return nil, false, nil
	}
	switch packing {
	case "", "identity":
		return body, true, nil
	case "gzip":
		u := &unpacker{}
		if err := u.Reset(bytes.NewReader(body)); err != nil {
			return nil, false, err
		}
		message, err = readBounded(nil, u, maxMessage)
		return message, err == nil, err
	}
	return nil, false, nil
}

// encodeJSON encodes a message whose JSON is text as gRPC does.
func encodeJSON(text []byte, of protoreflect.MessageDescriptor) ([]byte, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		return nil, err
	}
	m := kind.New().Interface()
	if len(text) > maxTextBytes {
		defer runtime.GC() // text and message would stay while the server decodes, which takes as much again
	}
	if err := requestCodec.Unmarshal(text, m); err != nil {
		return nil, err
	}
	return proto.Marshal(m)
}

// requestCodec decodes requests that are handed over.
var requestCodec = newCodec(protoregistry.GlobalTypes)

// readBounded reads on behind what is there, up to most bytes and one more. Its buffer grows by half at most, and has no
// room for more than that in the end.
func readBounded(there []byte, from io.Reader, most int) ([]byte, error) {
	for {
		if len(there) == cap(there) {
			larger := make([]byte, len(there), min(max(cap(there)*2, 64<<10), most+1))
			copy(larger, there)
			there = larger
		}
		n, err := from.Read(there[len(there):cap(there)])
		there = there[:len(there)+n]
		switch {
		case errors.Is(err, io.EOF) || len(there) > most:
			return there, nil
		case err != nil:
			return nil, err
		}
	}
}
