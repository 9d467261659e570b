package gateway

import (
	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// codec is the JSON of messages, with the field names of the contract and without fields that are not set.
type codec struct{ *vanguard.JSONCodec }

func newCodec(types vanguard.TypeResolver) vanguard.Codec {
	return codec{&vanguard.JSONCodec{
		MarshalOptions:   protojson.MarshalOptions{Resolver: types, UseProtoNames: true},
		UnmarshalOptions: protojson.UnmarshalOptions{Resolver: types},
	}}
}

// Unmarshal decodes a request. The error is INVALID_ARGUMENT, with the same details as that of a request
// which breaks a rule of the contract.
func (c codec) Unmarshal(text []byte, m proto.Message) error {
	if err := c.JSONCodec.Unmarshal(text, m); err != nil {
		return decodingError(text, err, m.ProtoReflect().Descriptor())
	}
	return nil
}
