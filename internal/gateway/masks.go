package gateway

import (
	"encoding/json"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// withPlainMasks rewrites the masks of a request, the fields of which say what to change. In JSON a mask is one
// string, of names in camel case: "priority,failureLimit". Written with the names of the contract, or as grpcurl
// wants it, {"paths": ["priority", "failure_limit"]}, a mask is as clear. A text that is no JSON object stays as
// it is.
func withPlainMasks(text []byte, m protoreflect.MessageDescriptor) []byte {
	var members map[string]json.RawMessage
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		if field.Message() == nil || field.Message().FullName() != "google.protobuf.FieldMask" {
			continue
		}
		if members == nil && json.Unmarshal(text, &members) != nil {
			return text
		}
		for _, name := range []string{string(field.Name()), field.JSONName()} {
			if mask, ok := members[name]; ok {
				members[name] = plainMask(mask)
			}
		}
	}
	if members == nil {
		return text
	}
	plain, err := json.Marshal(members)
	if err != nil {
		return text
	}
	return plain
}

// plainMask is a mask in one string, with names in camel case. What is no mask stays as it is.
func plainMask(mask json.RawMessage) json.RawMessage {
	var names string
	var message struct {
		Paths []string `json:"paths"`
	}
	switch {
	case json.Unmarshal(mask, &names) == nil:
	case json.Unmarshal(mask, &message) == nil && message.Paths != nil:
		names = strings.Join(message.Paths, ",")
	default:
		return mask
	}
	plain, err := json.Marshal(snake.ReplaceAllStringFunc(names, func(part string) string { return strings.ToUpper(part[1:]) }))
	if err != nil {
		return mask
	}
	return plain
}

var snake = regexp.MustCompile(`_[a-z0-9]`)
