package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stokerd/stoker/job"
)

// JSON encodes a message on one line: the fields that are set, with the names and enumerators of the
// contract, in its order. Times are in UTC and have milliseconds, always. Whole numbers are numbers, those
// of 64 bits too, which every parser of the contract's JSON takes. Characters that [Printable] replaces
// are escaped.
func JSON(m proto.Message) ([]byte, error) {
	line, err := appendMessage(nil, m.ProtoReflect())
	if err != nil {
		return nil, err
	}
	return escapeHidden(line), nil
}

// indented is a line of JSON on several lines.
func indented(line []byte) ([]byte, error) {
	var text bytes.Buffer
	if err := json.Indent(&text, line, "", "  "); err != nil {
		return nil, err
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

func appendMessage(dst []byte, m protoreflect.Message) ([]byte, error) {
	switch known := m.Interface().(type) {
	case *timestamppb.Timestamp:
		return strconv.AppendQuote(dst, known.AsTime().UTC().Format(machineTime)), nil
	case *durationpb.Duration:
		return strconv.AppendQuote(dst, strconv.FormatFloat(Seconds(known.AsDuration()), 'f', -1, 64)+"s"), nil
	}
	if strings.HasPrefix(string(m.Descriptor().FullName()), "google.protobuf.") {
		text, err := protojson.Marshal(m.Interface())
		return append(dst, text...), err
	}
	dst = append(dst, '{')
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), fd.Name()...), '"', ':')
		var err error
		if dst, err = appendField(dst, fd, m.Get(fd)); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendField encodes the value of a field: a list, a map, or a single one.
func appendField(dst []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) (_ []byte, err error) {
	switch {
	case fd.IsList():
		dst = append(dst, '[')
		for i := range v.List().Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendScalar(dst, fd, v.List().Get(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case fd.IsMap():
		dst = append(dst, '{')
		for i, key := range sortedKeys(v.Map()) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(dst, key.String()), ':')
			if dst, err = appendScalar(dst, fd.MapValue(), v.Map().Get(key)); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return appendScalar(dst, fd, v)
}

// sortedKeys are the keys of a map in the order of their texts.
func sortedKeys(m protoreflect.Map) []protoreflect.MapKey {
	var keys []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func appendScalar(dst []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendMessage(dst, v.Message())
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return strconv.AppendQuote(dst, string(value.Name())), nil
		}
		return strconv.AppendInt(dst, int64(v.Enum()), 10), nil // of a newer server
	case protoreflect.StringKind:
		return appendText(dst, v.String()), nil
	case protoreflect.BytesKind:
		text, err := json.Marshal(v.Bytes())
		return append(dst, text...), err
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if x := v.Float(); math.IsNaN(x) || math.IsInf(x, 0) {
			return strconv.AppendQuote(dst, strings.TrimPrefix(fmt.Sprint(x), "+")), nil
		}
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 64), nil
	}
	return fmt.Append(dst, v.Interface()), nil
}

// appendText encodes a text as a string of JSON.
func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			_ = e.Encode(text) // a string can always be encoded
			return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}

// EscapingWriter escapes, in lines of JSON, the characters that [Printable] replaces. Each Write has to
// be one whole line.
type EscapingWriter struct{ W io.Writer }

// Write writes a line to W.
func (e EscapingWriter) Write(line []byte) (int, error) {
	text, ended := bytes.CutSuffix(line, []byte{'\n'})
	text = escapeHidden(text)
	if ended {
		text = append(text[:len(text):len(text)], '\n')
	}
	if _, err := e.W.Write(text); err != nil {
		return 0, err
	}
	return len(line), nil
}

// escapeHidden escapes the characters in a line of JSON that [Printable] replaces. Compact JSON has such
// characters only within strings.
func escapeHidden(line []byte) []byte {
	if position, _ := job.FindHidden(string(line)); position == 0 {
		return line
	}
	escaped := make([]byte, 0, len(line)+16)
	for _, r := range string(line) {
		if job.Hidden(r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = utf8.AppendRune(escaped, r)
		}
	}
	return escaped
}
