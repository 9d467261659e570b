package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Jobs go in by statements of different sizes; nobody must be able to tell.
func TestManyJobs(t *testing.T) {
	s, err := openTable(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	const first, more = 64 + 2*8 + 3, 2*64 + 8 + 1
	specs := make([]job.Spec, first+more)
	for i := range specs {
		specs[i] = job.Spec{Key: fmt.Sprint("k", i+1), OutputPath: fmt.Sprint("out/", i+1)}
	}
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}, Jobs: specs[:first]}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	// The one that is there already is skipped, wherever it stands.
	again := append(append([]job.Spec{}, specs[first:first+70]...), specs[5])
	again = append(again, specs[first+70:]...)
	_, added, skipped, err := s.AddJobs(t.Context(), b.ID, again, testTime)
	if added != more || skipped != 1 || err != nil {
		t.Fatalf("AddJobs added %d and skipped %d, %v; want %d and 1", added, skipped, err, more)
	}
	wrong, err := all(t.Context(), s.db.reader, scalar[int64], `
SELECT number FROM jobs WHERE key <> 'k' || number OR output_path <> 'out/' || number OR revision <> iif(number <= $1, 1, 1 + number - $1)`, first)
	if len(wrong) > 0 || err != nil {
		t.Errorf("jobs %v are not what was submitted, %v", wrong, err)
	}
	checkWhole(t, s)

	// One that is refused takes all of its submission with it.
	before := content(t, s)
	specs[70].Key = specs[1].Key
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs}, testTime); !errors.Is(err, job.ErrExists) {
		t.Errorf("a key given twice: %v; want ErrExists", err)
	}
	if content(t, s) != before {
		t.Error("a submission that was refused has left something behind")
	}
}
