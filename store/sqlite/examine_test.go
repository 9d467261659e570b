package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/job"
)

// Whatever is wrong with a table of a stopped service is found without opening it, and nothing is changed by that.
func TestExamine(t *testing.T) {
	garbage := []byte(strings.Repeat("\xAA", 1<<20))
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  error
	}{
		{"well", func(*testing.T, string) {}, nil},
		{"a damaged page", func(t *testing.T, path string) {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			info, err := file.Stat()
			must(t, err)
			_, err = file.WriteAt(garbage[:info.Size()/2-4096], 4096*(info.Size()/8192))
			must(t, err)
			must(t, file.Close())
		}, job.ErrDamaged},
		{"no database any more", func(t *testing.T, path string) { must(t, os.WriteFile(path, garbage, 0o600)) }, job.ErrDamaged},
		{"cut off", func(t *testing.T, path string) { must(t, os.Truncate(path, 8192)) }, job.ErrDamaged},
		{"empty", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, ErrMissing},
		{"gone", func(t *testing.T, path string) { must(t, os.Remove(path)) }, ErrMissing},
		{"another program's", func(t *testing.T, path string) {
			must(t, os.Remove(path+identitySuffix))
			must(t, os.WriteFile(path, garbage, 0o600))
		}, ErrNotDatabase},
		{"a second name", func(t *testing.T, path string) { must(t, os.Link(path, path+".2")) }, ErrLinked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stoker.db")
			s := mustOpenDurable(t, path)
			mustSubmitTo(t, s, make([]job.Spec, 1000)...)
			want := s.InstanceID()
			mustClose(t, s)
			tt.spoil(t, path)
			before, _ := os.ReadFile(path)
			instance, whole, err := Examine(t.Context(), path)
			if !errors.Is(err, tt.want) || whole != (tt.want == nil) || tt.want == nil && instance != want {
				t.Errorf("%q, %v, %v; want %v of %q", instance, whole, err, tt.want, want)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file has changed")
			}
		})
	}
	if instance, whole, err := Examine(t.Context(), filepath.Join(t.TempDir(), "stoker.db")); instance != "" || !whole || err != nil {
		t.Errorf("before the first start: %q, %v, %v", instance, whole, err)
	}
}

// A table that takes too long to read is not said to be whole, and not to be wrong either. One in use is left alone.
func TestExamineInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenDurable(t, path)
	mustSubmitTo(t, s, job.Spec{Key: "k"})
	if instance, whole, err := Examine(t.Context(), path); instance != s.InstanceID() || !whole || err != nil {
		t.Errorf("in use: %q, %v, %v", instance, whole, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if instance, whole, err := Examine(ended, path); instance != s.InstanceID() || whole || err != nil {
		t.Errorf("without time: %q, %v, %v", instance, whole, err)
	}
	mustSubmitTo(t, s, job.Spec{Key: "k2"})
	mustClose(t, s)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
