package gateway

import (
	"errors"
	"regexp"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
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
	err := c.JSONCodec.Unmarshal(text, m)
	if err == nil {
		return nil
	}
	return decodingError(err, m.ProtoReflect().Descriptor())
}

// The texts of protojson that name a field.
var (
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
	wrongValue   = regexp.MustCompile(`for \w+ field (\w+)`)
)

// decodingError is the error of a request that cannot be decoded into a message of type m.
func decodingError(err error, m protoreflect.MessageDescriptor) error {
	// The decoder begins its texts with its name, and a space that is not always the same.
	text := strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0")
	field := "request"
	if found := unknownField.FindStringSubmatch(text); found != nil {
		field = found[1]
		text += spelling.Hint(field, fieldNames(m, map[protoreflect.FullName]bool{}))
	} else if found := wrongValue.FindStringSubmatch(text); found != nil {
		field = found[1]
	}
	failure := connect.NewError(connect.CodeInvalidArgument, errors.New(text))
	for _, detail := range []proto.Message{
		&errdetails.ErrorInfo{Reason: "INVALID", Domain: job.ErrorDomain, Metadata: map[string]string{"violations": "1"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: text}}},
	} {
		if d, err := connect.NewErrorDetail(detail); err == nil {
			failure.AddDetail(d)
		}
	}
	return failure
}

// fieldNames are the names of the fields of m and of the messages in it.
func fieldNames(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) []string {
	if seen[m.FullName()] {
		return nil
	}
	seen[m.FullName()] = true
	var names []string
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		names = append(names, string(field.Name()))
		if message := field.Message(); message != nil {
			names = append(names, fieldNames(message, seen)...)
		}
	}
	return names
}
