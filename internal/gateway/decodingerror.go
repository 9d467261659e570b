package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// decodingError is the error of a request that cannot be decoded into a message of type m. The decoder says
// where it stopped, and decodingError which field that is.
func decodingError(text []byte, err error, m protoreflect.MessageDescriptor) error {
	field, problem := "request", explainSyntax(text)
	if problem == "" {
		said := shorten(err.Error())
		at := findField(text, m, errorOffset(text, said))
		field, problem = at.path, at.explain(said)
	}
	return newDecodingError(field, problem)
}

// newDecodingError is the error of a request whose field cannot be decoded.
func newDecodingError(field, problem string) error {
	return withDetails(connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("%s: %s", field, problem)),
		&errdetails.ErrorInfo{Reason: "INVALID", Domain: job.ErrorDomain, Metadata: map[string]string{"violations": "1"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: problem}}},
	)
}

// maxSaid is how much is kept of what the decoder says, in bytes. It repeats the value that it does not take.
const maxSaid = 300

// shorten returns the beginning of a text, which it does not keep.
func shorten(text string) string {
	if len(text) <= maxSaid {
		return text
	}
	return strings.ToValidUTF8(text[:maxSaid], "") + "..."
}

// isDecodingError reports whether err is an error of newDecodingError.
func isDecodingError(err error) bool {
	failure, ok := errors.AsType[*connect.Error](err)
	return ok && failure.Code() == connect.CodeInvalidArgument && len(failure.Details()) > 0
}

// explainSyntax says why a text is not JSON; empty if it is.
func explainSyntax(text []byte) string {
	err := json.Unmarshal(text, &ignored{})
	if err == nil {
		return ""
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return "is not JSON: " + err.Error()
	}
	before := text[:max(0, min(int(syntax.Offset)-1, len(text)))]
	line, column := 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("is not JSON: line %d, column %d: %s", line, column, syntax.Error())
}

// ignored is any value in JSON, and keeps nothing of it.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// position is where the decoder stopped, as its texts have it.
var position = regexp.MustCompile(`\(line (\d+):(\d+)\): `)

// errorOffset is where in a text the decoder stopped, in bytes.
func errorOffset(text []byte, said string) int {
	found := position.FindStringSubmatch(said)
	if found == nil {
		return 0
	}
	line, _ := strconv.Atoi(found[1]) // both are digits
	column, _ := strconv.Atoi(found[2])
	offset := 0
	for ; line > 1; line-- {
		offset += bytes.IndexByte(text[offset:], '\n') + 1
	}
	for ; column > 1 && offset < len(text); column-- {
		_, size := utf8.DecodeRune(text[offset:])
		offset += size
	}
	return offset
}

// place is a field in the JSON of a message.
type place struct {
	path    string                         // such as jobs[1].input_path; request for the message itself
	name    string                         // the last name of the path
	field   protoreflect.FieldDescriptor   // nil: there is no such field, or it is the message itself
	message protoreflect.MessageDescriptor // that has the field; nil: not known
}

// findField finds the field at an offset of a text, which is the JSON of a message.
func findField(text []byte, m protoreflect.MessageDescriptor, offset int) place {
	at := place{path: "request", message: m}
	for _, step := range pathTo(text, offset) {
		if step.name == "" && step.index >= 0 {
			at.path += "[" + strconv.Itoa(step.index) + "]"
			continue
		}
		within := at.message
		if at.field != nil {
			within = at.field.Message()
			if at.field.IsMap() { // the name is a key
				at.path += "." + step.name
				at.name, at.field = step.name, at.field.MapValue()
				continue
			}
		}
		at.name, at.message, at.field = step.name, within, nil
		if within != nil {
			if at.field = within.Fields().ByJSONName(step.name); at.field == nil {
				at.field = within.Fields().ByTextName(step.name)
			}
		}
		if at.field != nil {
			at.name = string(at.field.Name())
		}
		if at.name == "" {
			at.name = `""`
		}
		if at.path == "request" {
			at.path = at.name
		} else {
			at.path += "." + at.name
		}
		if at.field == nil {
			break
		}
	}
	return at
}

// explain puts what the decoder says about the field into words.
func (p place) explain(said string) string {
	text := strings.TrimLeft(strings.TrimPrefix(said, "proto:"), " \u00a0") // its name, and a space that varies
	if at := position.FindStringIndex(text); at != nil {
		text = text[at[1]:]
	}
	switch {
	case strings.HasPrefix(text, "unknown field") && p.message != nil:
		var names []string
		for i := range p.message.Fields().Len() {
			names = append(names, string(p.message.Fields().Get(i).Name()))
		}
		return "is no field of the request" + spelling.Hint(p.name, names)
	case p.field != nil && p.field.Enum() != nil && strings.HasPrefix(text, "invalid value"):
		var names []string
		values := p.field.Enum().Values()
		for i := range values.Len() - 1 { // the first value means that the field is not set
			names = append(names, string(values.Get(i+1).Name()))
		}
		return "want " + strings.Join(names, ", ")
	case p.field != nil && (strings.HasPrefix(text, "invalid ") || strings.HasPrefix(text, "unexpected token")):
		return "want " + kindText(p.field)
	case strings.HasPrefix(text, "unexpected token"):
		return "want a JSON object"
	case p.field != nil && p.field.ContainingOneof() != nil && strings.HasSuffix(text, "is already set"):
		var names []string
		others := p.field.ContainingOneof().Fields()
		for i := range others.Len() {
			names = append(names, string(others.Get(i).Name()))
		}
		return "is given beside another of these: " + strings.Join(names, ", ") + "; give one"
	case strings.HasPrefix(text, "duplicate field"):
		return "is given twice"
	}
	return text
}

// kindText says what the JSON of a field is.
func kindText(f protoreflect.FieldDescriptor) string {
	one := "a JSON object"
	switch f.Kind() {
	case protoreflect.StringKind:
		one = "a string"
	case protoreflect.BytesKind:
		one = "a string of base64"
	case protoreflect.BoolKind:
		one = "true or false"
	case protoreflect.EnumKind:
		one = "the name of a value"
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		one = "a number"
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch f.Message().FullName() {
		case "google.protobuf.Duration":
			one = `a duration in seconds, such as "90s"`
		case "google.protobuf.Timestamp":
			one = `a time, such as "2030-01-02T15:04:05Z"`
		case "google.protobuf.FieldMask":
			one = `names of fields in one string, such as "priority,labels"`
		}
	default:
		one = "a whole number"
	}
	if f.IsList() {
		return "a list, each entry " + one
	}
	return one
}
