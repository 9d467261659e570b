package contexts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/contexts"
)

// newFile is a file that does not exist yet, in a directory that does not either.
func newFile(t *testing.T) contexts.File {
	t.Helper()
	return contexts.File{Path: filepath.Join(t.TempDir(), "stoker", "contexts.yaml")}
}

func mustChange(t *testing.T, f contexts.File, change func(*contexts.Set) error) {
	t.Helper()
	if err := f.Change(change); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, f contexts.File) contexts.Set {
	t.Helper()
	set, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestRoundTrip(t *testing.T) {
	f := newFile(t)
	prod := contexts.Context{Server: "stoker.example.com:7070", TLSCA: "/ca.pem", TLSCert: "/me.pem", TLSKey: "/me.key", TokenFile: "/token"}
	lab := contexts.Context{Server: "10.0.0.7:7070", Insecure: true}
	mustChange(t, f, func(s *contexts.Set) error { return s.Add("prod", prod, false) })
	mustChange(t, f, func(s *contexts.Set) error { return s.Add("lab", lab, false) })
	mustChange(t, f, func(s *contexts.Set) error { return s.Use("lab") })
	want := contexts.Set{Current: "lab", Contexts: map[string]contexts.Context{"prod": prod, "lab": lab}}
	if diff := cmp.Diff(want, mustRead(t, f)); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
	mustChange(t, f, func(s *contexts.Set) error { return s.Remove("lab") })
	want = contexts.Set{Contexts: map[string]contexts.Context{"prod": prod}}
	if diff := cmp.Diff(want, mustRead(t, f)); diff != "" {
		t.Errorf("contexts without the current one (-want +got):\n%s", diff)
	}
}

func TestMistakes(t *testing.T) {
	set := contexts.Set{Contexts: map[string]contexts.Context{"prod": {Server: "a:1"}}}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"unknown", set.Use("nothing"), `no such context "nothing"`},
		{"misspelt", set.Remove("pord"), `no such context "pord"; did you mean "prod"?`},
		{"twice", set.Add("prod", contexts.Context{Server: "b:1"}, false), "--replace"},
		{"empty", set.Add("", contexts.Context{}, false), "cannot be the name"},
		{"a flag", set.Add("-f", contexts.Context{}, false), "cannot be the name"},
		{"spaces", set.Add("a b", contexts.Context{}, false), "cannot be the name"},
		{"control", set.Add("a\x1b[2J", contexts.Context{}, false), "cannot be the name"},
		{"long", set.Add(strings.Repeat("x", 64), contexts.Context{}, false), "cannot be the name"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q in it", tt.name, tt.err, tt.want)
		}
	}
	if err := set.Add("prod", contexts.Context{Server: "b:1"}, true); err != nil || set.Contexts["prod"].Server != "b:1" {
		t.Errorf("replaced: %v, %v", set, err)
	}
}

func TestFileThatCannotBeUnderstood(t *testing.T) {
	f := newFile(t)
	mustChange(t, f, func(s *contexts.Set) error { return s.Add("prod", contexts.Context{Server: "a:1"}, false) })
	for _, text := range []string{"contexts: [", "contexts: {prod: {sever: a}}", "currant: prod", "- 1"} {
		if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(); err == nil || !strings.HasPrefix(err.Error(), f.Path+": ") {
			t.Errorf("%q: error is %v, want one that names the file", text, err)
		}
		if err := f.Change(func(*contexts.Set) error { return nil }); err == nil {
			t.Errorf("%q: the file was changed", text)
		}
		if kept, err := os.ReadFile(f.Path); err != nil || string(kept) != text {
			t.Errorf("%q: the file is %q now, %v", text, kept, err)
		}
	}
}

func TestEmptyFileHasNoContexts(t *testing.T) {
	f := newFile(t)
	mustChange(t, f, func(*contexts.Set) error { return nil })
	if err := os.WriteFile(f.Path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if set := mustRead(t, f); len(set.Contexts) > 0 {
		t.Errorf("an empty file has contexts: %v", set)
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	f := newFile(t)
	if f.ReadableByOthers() {
		t.Error("a file that does not exist can be read")
	}
	mustChange(t, f, func(s *contexts.Set) error { return s.Add("prod", contexts.Context{Server: "a:1"}, false) })
	for path, want := range map[string]os.FileMode{f.Path: 0o600, filepath.Dir(f.Path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
	if f.ReadableByOthers() {
		t.Error("others can read the file")
	}
	if err := os.Chmod(f.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	if !f.ReadableByOthers() {
		t.Error("a file of mode 0640 counts as private")
	}
	mustChange(t, f, func(s *contexts.Set) error { return s.Use("prod") })
	if f.ReadableByOthers() {
		t.Error("others can read the file after a change")
	}
}

func TestErrorChangesNothing(t *testing.T) {
	f := newFile(t)
	mustChange(t, f, func(s *contexts.Set) error { return s.Add("prod", contexts.Context{Server: "a:1"}, false) })
	refused := errors.New("refused")
	err := f.Change(func(s *contexts.Set) error {
		s.Current = "prod"
		return refused
	})
	if !errors.Is(err, refused) || mustRead(t, f).Current != "" {
		t.Errorf("error %v, contexts %v", err, mustRead(t, f))
	}
}

func TestLinkStays(t *testing.T) {
	f := newFile(t)
	target := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, f.Path); err != nil {
		t.Fatal(err)
	}
	mustChange(t, f, func(s *contexts.Set) error { return s.Add("prod", contexts.Context{Server: "a:1"}, false) })
	if got, err := os.Readlink(f.Path); err != nil || got != target {
		t.Errorf("the link is %q, %v", got, err)
	}
	if set := mustRead(t, contexts.File{Path: target}); set.Contexts["prod"].Server != "a:1" {
		t.Errorf("its target has %v", set)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	f := newFile(t)
	const writers = 20
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			err := f.Change(func(s *contexts.Set) error { return s.Add(fmt.Sprint("c", i), contexts.Context{Server: "a:1"}, false) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if set := mustRead(t, f); len(set.Contexts) != writers {
		t.Errorf("%d of %d contexts are left: %v", len(set.Contexts), writers, set)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(f.Path), ".contexts-*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files stayed: %v, %v", left, err)
	}
}

func TestUserFile(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": "/home/ada"}, "/home/ada/.config/stoker/contexts.yaml"},
		{map[string]string{"HOME": "/home/ada", "XDG_CONFIG_HOME": "/etc/ada"}, "/etc/ada/stoker/contexts.yaml"},
		{map[string]string{"HOME": "/home/ada", "XDG_CONFIG_HOME": "relative"}, "/home/ada/.config/stoker/contexts.yaml"},
		{nil, ""},
	} {
		f, err := contexts.UserFile(func(name string) string { return tt.env[name] })
		if f.Path != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%v: %q, %v; want %q", tt.env, f.Path, err, tt.want)
		}
	}
}
