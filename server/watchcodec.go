package server

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// message is an outgoing message of a watch. A message for many watchers is encoded once.
type message struct {
	*stokerv1.WatchBatchResponse
	encoded []byte // nil: not encoded yet; never written to
}

// encodeMessage encodes m for many watchers.
func encodeMessage(m *stokerv1.WatchBatchResponse) (*message, error) {
	bytes, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return &message{m, bytes}, nil
}

// codec is gRPC's codec for protocol buffers, which sends a [message] or an [encodedAnswer] that is already encoded
// as it is.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if a, ok := v.(*encodedAnswer); ok {
		return mem.BufferSlice{mem.NewBuffer(&a.bytes, a)}, nil
	}
	var encoded []byte
	switch m := v.(type) {
	case *message:
		v, encoded = m.WatchBatchResponse, m.encoded
	case *listMessage:
		v, encoded = m.WatchBatchesResponse, m.encoded
	}
	if encoded == nil {
		return c.CodecV2.Marshal(v)
	}
	// The buffer belongs to no pool, so that freeing it does nothing.
	return mem.BufferSlice{mem.SliceBuffer(encoded)}, nil
}
