package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// A hash proves nothing: the table does. And numbers may be too large to be kept.
func TestOutputsAreLookedUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	testTime := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	specs := []job.Spec{{Key: "a", OutputPath: "out/a"}, {Key: "far", OutputPath: "out/far"}}
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}, Jobs: specs}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `UPDATE jobs SET number = 20000000 WHERE number = 2`); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = s.AddJobs(t.Context(), b.ID, []job.Spec{{Key: "b", OutputPath: "out/far"}}, testTime)
	if want := "/20000000, key \"far\", already"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	s.AddOutputHash(b.Seq, "out/alike", 1)
	if _, added, _, err := s.AddJobs(t.Context(), b.ID, []job.Spec{{Key: "c", OutputPath: "out/alike"}}, testTime); added != 1 || err != nil {
		t.Errorf("a path with the hash of another: added %d, %v; want 1", added, err)
	}
}
