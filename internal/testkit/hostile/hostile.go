// Package hostile gives tests a text that would do harm on a terminal, and checks that output does not
// contain it unescaped.
package hostile

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

// Text sets a terminal's title and colour, reverses the reading order, and begins a new line with
// INJECTED, if it is printed as it is.
const Text = "a\x1b]0;owned\a\u009b31m\u202eb\u2066\u200bc\x7f\r\nINJECTED\td"

// Spoil returns a copy of a message with [Text] in its string fields, lists and maps of strings, and those
// of the messages in it. Page tokens, cursors and fields of a oneof stay as they are.
func Spoil[M proto.Message](m M) M {
	spoilt := proto.CloneOf(m)
	spoil(spoilt.ProtoReflect())
	return spoilt
}

// spoil is [Spoil] in place.
func spoil(m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		switch {
		case fd.Name() == "next_page_token", fd.Name() == "cursor":
		case fd.IsList() && fd.Message() != nil:
			for i := range m.Get(fd).List().Len() {
				spoil(m.Get(fd).List().Get(i).Message())
			}
		case fd.IsList() && fd.Kind() == protoreflect.StringKind:
			m.Mutable(fd).List().Append(protoreflect.ValueOfString(Text))
		case fd.IsMap() && fd.MapValue().Kind() == protoreflect.StringKind:
			m.Mutable(fd).Map().Set(protoreflect.ValueOfString(Text).MapKey(), protoreflect.ValueOfString(Text))
		case fd.IsList(), fd.IsMap():
		case fd.Message() != nil:
			if m.Has(fd) {
				spoil(m.Mutable(fd).Message())
			}
		case fd.Kind() == protoreflect.StringKind && fd.ContainingOneof() == nil:
			m.Set(fd, protoreflect.ValueOfString(Text))
		}
	}
}

// CheckPrintable fails the test if a hidden character ([job.Hidden]) is in the output, tabs excepted, or
// if a line of it begins with INJECTED.
func CheckPrintable(t *testing.T, printed string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			if job.Hidden(r) && r != '\t' { // between the columns of a table
				t.Fatalf("%s in %q", job.CharacterName(r), line)
			}
		}
		if strings.HasPrefix(line, "INJECTED") {
			t.Fatalf("the text has begun a line of its own:\n%s", printed)
		}
	}
}
