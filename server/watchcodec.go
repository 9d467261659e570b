package server

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// message is a message of a watch as it goes out. One that is sent to many watchers
// is encoded once.
type message struct {
	*stokerv1.WatchBatchResponse
	encoded []byte // nil: not yet; never to be written to
}

// encodeMessage is m, encoded.
func encodeMessage(m *stokerv1.WatchBatchResponse) (*message, error) {
	bytes, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return &message{m, bytes}, nil
}

// codec is gRPC's own for protocol buffers, except that it also takes a [message]
// and does not encode it twice.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	switch {
	case !ok:
		return c.CodecV2.Marshal(v)
	case m.encoded == nil:
		return c.CodecV2.Marshal(m.WatchBatchResponse)
	}
	// Such a buffer belongs to no pool: to free it means nothing.
	return mem.BufferSlice{mem.SliceBuffer(m.encoded)}, nil
}
