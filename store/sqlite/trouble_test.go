package sqlite

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// While the table cannot be written every account says so, since when and what to do, and everybody is woken when it can be
// written again: nobody has to do anything.
func TestTroubleIsTold(t *testing.T) {
	installDisk() // before the file is opened
	for _, tt := range []struct {
		name, remedy string
		rc           int32
		want         error
	}{
		{"full", "make room", sqlite3.SQLITE_FULL, job.ErrFull},
		{"read-only", "mount it for writing", sqlite3.SQLITE_READONLY, job.ErrReadOnly},
		{"broken", "the log says why", sqlite3.SQLITE_IOERR_WRITE, job.ErrUnavailable},
		{"damaged", "restore the latest backup", sqlite3.SQLITE_CORRUPT, job.ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stoker.db")
			f := &trouble{ops: "write sync truncate", rc: tt.rc, lasting: true}
			f.cleared.Store(true)
			watchDisk(t, path, f.look)
			var woken atomic.Int64 // of everybody
			s, err := openTable(t.Context(), path, store.Options{OnChange: func(changes []job.Change) {
				if slices.ContainsFunc(changes, func(c job.Change) bool { return c.Everything && c.Dispatch }) {
					woken.Add(1)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			s.PublishAccountStatus(job.AccountStatus{ID: "a", InLineCount: 1})
			status := func() job.AccountStatus {
				a, _ := s.AccountStatus("a")
				return a
			}
			mustSubmitTo(t, s, job.Spec{Key: "k"})
			if a := status(); a.TableTrouble != (job.Problem{}) || woken.Load() != 0 {
				t.Errorf("at first: %+v, woken %d times", a.TableTrouble, woken.Load())
			}
			f.cleared.Store(false)
			var since job.Problem
			for range 3 {
				if err := addOrphanTo(t, s, "1"); !errors.Is(err, tt.want) {
					t.Fatalf("writing: %v, want %v", err, tt.want)
				}
				a := status()
				w := a.ExplainWait(testTime)
				if w.Code != job.WaitProblem || w.Since.IsZero() || !strings.Contains(w.Text, tt.remedy) || woken.Load() != 1 {
					t.Errorf("the account waits for %+v, everybody was woken %d times", w, woken.Load())
				}
				if since != (job.Problem{}) && a.TableTrouble != since {
					t.Errorf("since %v, at first %v", a.TableTrouble, since)
				}
				since = a.TableTrouble
			}
			f.cleared.Store(true)
			if err := addOrphanTo(t, s, "1"); err != nil {
				t.Fatal(err)
			}
			if a := status(); a.TableTrouble != (job.Problem{}) || woken.Load() != 2 {
				t.Errorf("at last: %+v, woken %d times", a.TableTrouble, woken.Load())
			}
			mustClose(t, s)
		})
	}
}
