package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"

	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxEntries is how many objects, and entries of lists and objects, a request may have. One of a million entries, which
// is the most that the server takes, has fewer.
const maxEntries = 2_000_000

// codec is the JSON of messages, with the field names of the contract and without fields that are not set.
type codec struct{ *vanguard.JSONCodec }

func newCodec(types vanguard.TypeResolver) vanguard.Codec {
	return codec{&vanguard.JSONCodec{
		MarshalOptions:   protojson.MarshalOptions{Resolver: types, UseProtoNames: true},
		UnmarshalOptions: protojson.UnmarshalOptions{Resolver: types},
	}}
}

// MarshalAppend encodes an answer, without blanks between its parts: the encoder puts some there, in some
// builds.
func (c codec) MarshalAppend(base []byte, m proto.Message) ([]byte, error) {
	text, err := c.MarshalOptions.Marshal(m)
	if err != nil {
		return nil, err
	}
	buffer := bytes.NewBuffer(base)
	err = json.Compact(buffer, text)
	return buffer.Bytes(), err
}

// Unmarshal decodes a request. The error is INVALID_ARGUMENT, with the same details as that of a request
// which breaks a rule of the contract.
func (c codec) Unmarshal(text []byte, m proto.Message) error {
	if n := countEntries(text); n > maxEntries {
		return newDecodingError("request", fmt.Sprintf("has %d entries and fields: want at most %d; send it in parts, such as with AddJobs", n, maxEntries))
	}
	if err := checkShape(text, m.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	text = withPlainMasks(text, m.ProtoReflect().Descriptor())
	if err := c.JSONCodec.Unmarshal(text, m); err != nil {
		return decodingError(text, err, m.ProtoReflect().Descriptor())
	}
	return nil
}
