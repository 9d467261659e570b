package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The outline stays readable: what is the same in several places is one shape, every shape and list
// of values has a use, and lines are short.
func TestOutlineIsReadable(t *testing.T) {
	root, err := parseOutline(outlineText)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(outlineText, "\n") {
		if len(line) > 120 || strings.TrimRight(line, " ") != line {
			t.Errorf("line %d is longer than 120 characters, or ends with a blank", i+1)
		}
		kind, name, _ := strings.Cut(line, " ")
		switch {
		case kind == "words" && !strings.Contains(outlineText, ": @"+name+"\n"):
			t.Errorf("line %d: %s is not used", i+1, line)
		case kind == "shape" && name != "template" && strings.Count(outlineText, ": "+name+"\n")+strings.Count(outlineText, "use "+name+"\n") < 2:
			t.Errorf("line %d: %s has less than two uses; write it where it is used", i+1, line)
		}
	}
	seen := map[string]string{}
	root.walk("", map[*shape]bool{}, func(path string, s *shape) {
		key := s.digest()
		if first, ok := seen[key]; ok && len(s.keys) >= 6 {
			t.Errorf("%s and %s have the same keys; make a shape of them", first, path)
		}
		seen[key] = path
	})
}

// walk visits each shape once.
func (s *shape) walk(path string, done map[*shape]bool, visit func(string, *shape)) {
	if s == nil || done[s] {
		return
	}
	done[s] = true
	visit(path, s)
	for _, key := range s.keyNames() {
		s.keys[key].below.walk(path+"."+key, done, visit)
	}
	if s.named != nil {
		s.named.below.walk(path+".<name>", done, visit)
	}
}

// digest is equal for shapes with the same keys.
func (s *shape) digest() string {
	var b strings.Builder
	for _, key := range s.keyNames() {
		f := s.keys[key]
		fmt.Fprint(&b, key, f.kind, f.required)
		b.WriteString(strings.Join(f.words, ",") + ";")
	}
	return b.String()
}

// The marks of the outline say what they are meant to: these are read off the platform's schema.
func TestOutlineMarks(t *testing.T) {
	secrets, required, fields := map[string]bool{}, 0, 0
	outline().walk("", map[*shape]bool{}, func(_ string, s *shape) {
		for key, f := range s.keys {
			fields++
			if f.secret {
				secrets[key] = true
			}
			if f.required {
				required++
			}
		}
	})
	want := "accessKey accountKey apiKey clientCertificate clientSecret decryptionKey license passphrase password secretKey serviceAccountCredentials streamKey subscriptionKey token"
	if got := strings.Join(slices.Sorted(maps.Keys(secrets)), " "); got != want {
		t.Errorf("secrets: %s\nwant %s", got, want)
	}
	if fields < 1000 || required < 200 {
		t.Errorf("%d keys, %d of them required: the outline is not whole", fields, required)
	}
}

func TestOutlineRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"keys a\n  text b\n":                               `line 1: want words or shape, not "keys a"`,
		"shape template\n  txet b\n":                       `line 2: unknown kind "txet"`,
		"shape template\n  text b b\n":                     "line 2: b is there twice",
		"shape template\n  word b:\n":                      "line 2: no words",
		"shape template\n  use none\n":                     "line 2: shape none is not known yet",
		"shape template\n  a: none\n":                      "shape none has no keys",
		"shape template\n  a:\n    text b\n      text c\n": "line 4: indented too deep",
	} {
		if _, err := parseOutline(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
