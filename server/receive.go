package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

const (
	// stallTime is how long a caller may take for the next part of its request, and receiveChunk how large a
	// part is, in bytes. Slower than 26 KB/s is taken for stalled.
	stallTime    = 20 * time.Second
	receiveChunk = 512 << 10
	// smallRequest is the size up to which a request is received without asking for room, in bytes. gRPC
	// takes in as much of each stream anyhow.
	smallRequest = 64 << 10
	// messageHead is the length of what goes before each message: a flag for compression, and four bytes for
	// the length.
	messageHead = 5
)

// transportStream is what gRPC's own stream of a call can do, and its public interface does not show: read a
// message piece by piece. Without it, room for the largest request is kept for every call.
type transportStream interface {
	ReadMessageHeader(head []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
}

// incoming receives the requests of one call: within the limits, and no longer than a caller may take.
type incoming struct {
	grpc.ServerStream
	s       *Server
	info    *grpc.StreamServerInfo
	req     any      // the last request
	release []func() // gives back what the requests have taken up
}

// close gives back what the requests have taken up.
func (in *incoming) close() {
	for _, f := range in.release {
		f()
	}
}

// RecvMsg receives the next request, checks that of a watch, and resolves the names in it. After the last request the error is [io.EOF].
func (in *incoming) RecvMsg(m any) error {
	if err := in.receive(m); err != nil {
		return err
	}
	in.req = m
	if !isWatch(in.info.FullMethod) {
		return nil // see [Server.unary]
	}
	if err := in.s.validate(m); err != nil {
		return err
	}
	_, err := in.s.resolveNames(in.Context(), m)
	return err
}

func (in *incoming) receive(m any) error {
	ctx := in.Context()
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(transportStream)
	message, isMessage := m.(proto.Message)
	if !ok || !isMessage {
		reserved, err := in.s.receiving.reserve(ctx, callerName(ctx), in.s.limits.MaxRequestBytes)
		if err != nil {
			return err
		}
		in.release = append(in.release, reserved.release)
		return in.ServerStream.RecvMsg(m)
	}
	body, free, err := in.receiveBody(ctx, stream)
	if err != nil {
		return err
	}
	defer free()
	cost, err := decodedBytes(body, message.ProtoReflect().Descriptor())
	if err != nil {
		return err
	}
	if cost > smallRequest {
		reserved, err := in.s.decoding.reserve(ctx, callerName(ctx), cost)
		if err != nil {
			return err
		}
		in.release = append(in.release, reserved.release)
	}
	if err := proto.Unmarshal(body, message); err != nil {
		return notMessage(message)
	}
	return nil
}

func notMessage(m proto.Message) error {
	return invalid("", fmt.Sprintf("the request is not a message of type %s", m.ProtoReflect().Descriptor().FullName()))
}

// receiveBody receives the bytes of one request, without compression. free has to be called when they are not
// needed any more.
func (in *incoming) receiveBody(ctx context.Context, stream transportStream) (body []byte, free func(), err error) {
	if body, free, handed, err := in.receiveHanded(ctx); handed {
		return body, free, err
	}
	r := &requestReader{stream: stream, single: !in.info.IsClientStream}
	wait := stallTime
	if in.info.IsClientStream {
		wait = 0 // such a caller sends when it has something to say
	}
	if err := within(wait, r.readHead); err != nil {
		return nil, nil, err
	}
	room := r.length
	if r.compressed {
		room = max(room, in.s.limits.MaxRequestBytes)
	}
	if free, err = in.admit(ctx, r.length, room); err != nil {
		return nil, nil, err
	}
	for !r.done {
		if err := within(stallTime, r.readPart); err != nil {
			free()
			return nil, nil, err
		}
	}
	body = r.body
	if r.compressed {
		if body, err = decompress(r.body, stream.RecvCompress(), in.s.limits.MaxRequestBytes); err != nil {
			free()
			return nil, nil, err
		}
	}
	return body, free, nil
}

// admit takes up room for a request of a length, and refuses one that is too large. A large one of a caller who is
// refused is not received at all. free gives the room back.
func (in *incoming) admit(ctx context.Context, length, room int) (free func(), err error) {
	if refusal := callOf(ctx).refusal; refusal != nil && room > smallRequest {
		in.s.audit.noteRefused(ctx, in.info.FullMethod, nil, refusal)
		return nil, refusal
	}
	if length > in.s.limits.MaxRequestBytes {
		return nil, &limitError{
			limit: "request_bytes", text: fmt.Sprintf("the request has %d bytes; want at most %d: send it in parts, such as with AddJobs", length, in.s.limits.MaxRequestBytes),
		}
	}
	if room <= smallRequest {
		return func() {}, nil
	}
	reserved, err := in.s.receiving.reserve(ctx, callerName(ctx), room)
	if err != nil {
		return nil, err
	}
	return reserved.release, nil
}

// requestReader reads one request from a call. One goroutine at a time uses it.
type requestReader struct {
	stream transportStream
	single bool // the call has one request

	length     int
	compressed bool
	body       []byte
	done       bool
}

// readHead reads the length of the request, and the whole request if it is small.
func (r *requestReader) readHead() error {
	var head [messageHead]byte
	switch err := r.stream.ReadMessageHeader(head[:]); {
	case errors.Is(err, io.EOF) && r.single:
		return invalid("", "the call has no request")
	case err != nil:
		return cutShort(err)
	case head[0] > 1:
		return invalid("", "the request does not begin like a gRPC message")
	}
	r.compressed = head[0] == 1
	r.length = int(binary.BigEndian.Uint32(head[1:]))
	if r.length > smallRequest || r.compressed {
		return nil
	}
	return r.readPart()
}

// readPart reads the next part of the request and, after the last one, the end of the call's sending side. A
// caller that sends more could make gRPC keep it.
func (r *requestReader) readPart() error {
	if n := min(receiveChunk, r.length-len(r.body)); n > 0 {
		part, err := r.stream.Read(n)
		if err != nil {
			return cutShort(err)
		}
		if r.body == nil {
			r.body = make([]byte, 0, r.length)
		}
		for _, b := range part {
			r.body = append(r.body, b.ReadOnlyData()...)
		}
		part.Free()
		if len(r.body) < r.length {
			return nil
		}
	}
	r.done = true
	if !r.single {
		return nil
	}
	var head [messageHead]byte
	switch err := r.stream.ReadMessageHeader(head[:]); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return cutShort(err)
	}
	return invalid("", "the call has more than one request")
}

// cutShort tells a request that ends in the middle from an end of the connection.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("", "the request ends before its end")
	}
	return err
}

// within calls f, which blocks until something arrives or the call has ended, and does not wait for it longer
// than limit; 0 is no limit. f may go on after that, until the call has ended.
func within(limit time.Duration, f func() error) error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	if limit == 0 {
		return <-result
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return errSlowSender
	}
}

// decompress returns what was compressed, at most limit bytes.
func decompress(body []byte, method string, limit int) ([]byte, error) {
	compressor := encoding.GetCompressor(method)
	if compressor == nil {
		return nil, invalid("", fmt.Sprintf("the request is compressed by %q, which this server does not know", clip(method, maxName)))
	}
	data := mem.BufferSlice{mem.SliceBuffer(body)}
	reader, err := compressor.Decompress(data.Reader())
	if err != nil {
		return nil, invalid("", "the request cannot be decompressed")
	}
	plain, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	switch {
	case err != nil:
		return nil, invalid("", "the request cannot be decompressed")
	case len(plain) > limit:
		return nil, &limitError{limit: "request_bytes", text: fmt.Sprintf("the request has more than %d bytes when it is decompressed: send it in parts", limit)}
	}
	return plain, nil
}
