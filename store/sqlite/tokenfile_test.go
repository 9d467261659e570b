package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// TestTokenFile makes and revokes tokens beside a process that has the table open, and without one.
func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	create := func(name string) access.Token {
		t.Helper()
		f, err := OpenTokens(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := access.NewToken(name, access.Admin, nil, 0, access.LocalName, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Create(t.Context(), token, access.Entry{ID: access.NewEntryID(time.Now()), Time: time.Now(), Target: token.ID}); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return token
	}
	first := create("first") // makes the table
	table, err := Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }() // nothing is read from it any more
	second := create("second")           // beside the process that has it open
	kept := store.NewAccessTable(table)
	tokens, err := kept.Tokens(t.Context(), 0)
	if err != nil || len(tokens) != 2 || tokens[0].ID != first.ID || tokens[1].ID != second.ID {
		t.Fatalf("tokens %+v, %v", tokens, err)
	}
	if entries, err := kept.Entries(t.Context(), access.EntryFilter{Target: second.ID}); err != nil || len(entries) != 1 {
		t.Errorf("entries %+v, %v", entries, err)
	}
	f, err := OpenTokens(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Revoke(t.Context(), first.ID, time.Now(), access.Entry{ID: access.NewEntryID(time.Now())}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Revoke(t.Context(), "none", time.Now(), access.Entry{ID: access.NewEntryID(time.Now())}); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("a token that does not exist: %v", err)
	}
	if list, err := f.Tokens(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("tokens %+v, %v", list, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	changed, err := kept.Tokens(t.Context(), tokens[1].Change)
	if err != nil || len(changed) != 1 || changed[0].ID != first.ID || changed[0].RevokeTime.IsZero() {
		t.Errorf("changed %+v, %v", changed, err)
	}
	// The process that has the table open goes on writing.
	if _, _, err := table.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 1)}, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestTokenFileRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(path, []byte("key,input_path\na,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokens(t.Context(), path); !errors.Is(err, ErrNotDatabase) {
		t.Errorf("a file that is something else: %v", err)
	}
	if _, err := OpenTokens(t.Context(), t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}

// Tokens on a damaged page are told as damaged.
func TestTokenFileDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	f, err := OpenTokens(t.Context(), path)
	must(t, err)
	token, _, err := access.NewToken("ci", access.Admin, nil, 0, access.LocalName, time.Now())
	must(t, err)
	must(t, f.Create(t.Context(), token, access.Entry{ID: access.NewEntryID(time.Now()), Time: time.Now()}))
	var page int64
	must(t, f.w.conn.QueryRowContext(t.Context(), `SELECT rootpage FROM sqlite_schema WHERE name = 'tokens'`).Scan(&page))
	must(t, f.Close())
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte{0xAA}, 4096), 4096*(page-1))
	must(t, errors.Join(err, file.Close()))
	f, err = OpenTokens(t.Context(), path)
	must(t, err)
	if _, err := f.Tokens(t.Context()); !errors.Is(err, job.ErrDamaged) {
		t.Errorf("got %v, want %v", err, job.ErrDamaged)
	}
	must(t, f.Close())
}
