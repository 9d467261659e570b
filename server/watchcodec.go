package server

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// message is an outgoing message of a watch. A message for many watchers is encoded once, and has nothing but
// the batch besides: the jobs are in the encoded form alone.
type message struct {
	*stokerv1.WatchBatchResponse
	encoded *encodedMessage // nil: not encoded yet
}

// encodeMessage encodes m for many watchers.
func encodeMessage(m *stokerv1.WatchBatchResponse) (*message, error) {
	encoded, err := newEncodedMessage(m)
	if err != nil {
		return nil, err
	}
	return &message{&stokerv1.WatchBatchResponse{Batch: m.GetBatch()}, encoded}, nil
}

func (m *message) encode() (*encodedMessage, error) {
	if m.encoded != nil {
		return m.encoded, nil
	}
	return newEncodedMessage(m.WatchBatchResponse)
}

func (m *listMessage) encode() (*encodedMessage, error) {
	if m.encoded != nil {
		return m.encoded, nil
	}
	return newEncodedMessage(m.WatchBatchesResponse)
}

// codec is gRPC's codec for protocol buffers, which sends what is already encoded as it is.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *encodedAnswer:
		return mem.BufferSlice{mem.NewBuffer(&m.bytes, m)}, nil
	case *sentMessage:
		m.unread.add()
		return mem.BufferSlice{mem.NewBuffer(&m.bytes, m.unread)}, nil
	}
	return c.CodecV2.Marshal(v)
}
