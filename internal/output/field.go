package output

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// field is a field of a message, or one of a message in it.
type field struct {
	name string // with dots: failure.code
	path []protoreflect.FieldDescriptor
	key  string // of the last field, if that is a map; empty: the whole map
}

// fieldsOf are the fields of a message, those of messages in it included. Lists and maps are one field.
func fieldsOf(m protoreflect.MessageDescriptor) []field { return appendFields(nil, field{}, m) }

func appendFields(all []field, parent field, m protoreflect.MessageDescriptor) []field {
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		f := parent.member(fd)
		if fd.Message() != nil && !fd.IsList() && !fd.IsMap() && !isLeaf(fd.Message()) {
			all = appendFields(all, f, fd.Message())
			continue
		}
		all = append(all, f)
	}
	return all
}

// isLeaf reports whether a message is one value, such as a time.
func isLeaf(m protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(m.FullName()), "google.protobuf.")
}

// member is a field of the message that f is.
func (f field) member(fd protoreflect.FieldDescriptor) field {
	name := string(fd.Name())
	if f.name != "" {
		name = f.name + "." + name
	}
	return field{name: name, path: append(f.path[:len(f.path):len(f.path)], fd)}
}

// findField finds a field by its name, also one that holds others, and labels.KEY in a map.
func findField(m protoreflect.MessageDescriptor, name string) (field, bool) {
	var f field
	for rest := name; ; {
		element, more, nested := strings.Cut(rest, ".")
		fd := m.Fields().ByName(protoreflect.Name(element))
		if fd == nil {
			return field{}, false
		}
		f = f.member(fd)
		switch {
		case !nested:
			return f, true
		case fd.IsMap():
			f.name, f.key = name, more
			return f, true
		case fd.IsList() || fd.Message() == nil:
			return field{}, false
		}
		m, rest = fd.Message(), more
	}
}

// find returns the message that the last element of the path is a field of, and false if the field has no
// value. A number or a truth that has no other way to be unset is 0 or false.
func (f field) find(m protoreflect.Message) (protoreflect.Message, protoreflect.FieldDescriptor, bool) {
	last := f.path[len(f.path)-1]
	for _, fd := range f.path[:len(f.path)-1] {
		if !m.Has(fd) {
			return nil, last, false
		}
		m = m.Get(fd).Message()
	}
	plain := !last.HasPresence() && !last.IsList() && !last.IsMap() && last.Kind() != protoreflect.StringKind && last.Kind() != protoreflect.EnumKind
	return m, last, plain || m.Has(last)
}

// value is the field of a message, as a column of a table has it.
func (f field) value(m proto.Message) Value {
	message, fd, ok := f.find(m.ProtoReflect())
	if !ok {
		return Value{}
	}
	v := message.Get(fd)
	switch {
	case fd.IsMap() && f.key != "":
		return Text(mapValue(v.Map(), f.key))
	case fd.IsMap() || fd.IsList():
		return Text(f.text(m))
	}
	switch fd.Kind() {
	case protoreflect.MessageKind:
		switch known := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			return At(known)
		case *durationpb.Duration:
			return Lasted(known)
		}
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return Count(v.Int())
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return Value{kind: kindNumber, text: f.text(m), number: v.Float()}.ForPrograms(f.text(m))
	}
	return Text(f.text(m))
}

// numeric reports whether the field is a number, whose digits stand under each other.
func (f field) numeric() bool {
	fd := f.path[len(f.path)-1]
	switch fd.Kind() {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.DoubleKind, protoreflect.FloatKind:
		return !fd.IsList() && !fd.IsMap()
	}
	return false
}

// text is the field of a message as CSV has it: what JSON has, without quotes. The members of a list of
// texts are separated by "; ", those of a map of texts are KEY=VALUE.
func (f field) text(m proto.Message) string {
	message, fd, ok := f.find(m.ProtoReflect())
	if !ok {
		return ""
	}
	v := message.Get(fd)
	switch {
	case fd.IsMap() && f.key != "":
		return mapValue(v.Map(), f.key)
	case fd.IsMap() && fd.MapValue().Kind() == protoreflect.StringKind:
		var pairs []string
		for _, key := range sortedKeys(v.Map()) {
			pairs = append(pairs, key.String()+"="+v.Map().Get(key).String())
		}
		return strings.Join(pairs, ",")
	case fd.IsList() && fd.Kind() == protoreflect.StringKind:
		texts := make([]string, v.List().Len())
		for i := range texts {
			texts[i] = v.List().Get(i).String()
		}
		return strings.Join(texts, "; ")
	case !fd.IsMap() && !fd.IsList() && fd.Kind() == protoreflect.StringKind:
		return v.String()
	}
	encoded, err := appendField(nil, fd, v)
	if err != nil {
		return ""
	}
	return strings.Trim(string(encoded), `"`) // an enumerator, a time or a duration has no other quotes
}

// mapValue is the text under a key.
func mapValue(m protoreflect.Map, key string) string {
	v := m.Get(protoreflect.ValueOfString(key).MapKey())
	if !v.IsValid() {
		return ""
	}
	return v.String()
}
