package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stokerd/stoker/job"
)

// What a transaction that was taken back has written to is free.
func TestOutputsOfAFailedTransaction(t *testing.T) {
	s := mustOpen(t)
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	specs := []job.Spec{{Key: "a", OutputPath: "out/a"}, {Key: "b", OutputPath: "out/b"}}
	if _, _, _, err := s.AddJobs(t.Context(), b.ID, specs[:1], testTime); err != nil {
		t.Fatal(err)
	}
	// The jobs are inserted, and then the batch is refused.
	_, err = s.exec(t, `CREATE TRIGGER gone BEFORE UPDATE OF revision ON batches BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END`)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.AddJobs(t.Context(), b.ID, specs[1:], testTime); err == nil {
		t.Fatal("jobs were added although the batch could not be written")
	}
	if _, err := s.exec(t, `DROP TRIGGER gone`); err != nil {
		t.Fatal(err)
	}
	other := []job.Spec{{Key: "c", OutputPath: "out/b"}}
	if _, added, _, err := s.AddJobs(t.Context(), b.ID, other, testTime); added != 1 || err != nil {
		t.Errorf("added %d jobs, %v, want 1: nobody writes there", added, err)
	}
	taken := []job.Spec{{Key: "d", OutputPath: "out/a"}}
	if _, _, _, err := s.AddJobs(t.Context(), b.ID, taken, testTime); !isInvalid(err) {
		t.Errorf("%v, want an InvalidError: the first job writes there", err)
	}
}

func isInvalid(err error) bool {
	_, ok := errors.AsType[*job.InvalidError](err)
	return ok
}

// Of many that want one place at the same moment, one gets it.
func TestOutputsSideBySide(t *testing.T) {
	s := mustOpen(t)
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	const callers, places = 8, 50
	var added, refused atomic.Int64
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for place := range places {
				j := job.Spec{Key: fmt.Sprint(caller, "-", place), OutputPath: fmt.Sprint("out/", place)}
				switch _, n, _, err := s.AddJobs(t.Context(), b.ID, []job.Spec{j}, testTime); {
				case err == nil:
					added.Add(n)
				case isInvalid(err):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if added.Load() != places || refused.Load() != (callers-1)*places {
		t.Errorf("%d added and %d refused, want %d and %d", added.Load(), refused.Load(), places, (callers-1)*places)
	}
	checkWhole(t, s)
}
