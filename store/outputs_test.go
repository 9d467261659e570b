package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
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
	errBroken := errors.New("the disk is gone")
	_, err = write(t.Context(), s, "add and fail", func(tx *tx) (struct{}, error) {
		h, err := tx.head(b.ID)
		if err == nil {
			err = tx.append(h, specs[1:], nil, testTime)
		}
		if err != nil {
			t.Error(err)
		}
		return struct{}{}, tx.fault(errBroken)
	})
	if !errors.Is(err, errBroken) {
		t.Fatalf("the write ended with %v, want %v", err, errBroken)
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

// A hash proves nothing: the table does. And numbers may be too large to be kept.
func TestOutputsAreLookedUp(t *testing.T) {
	s := mustOpen(t)
	specs := []job.Spec{{Key: "a", OutputPath: "out/a"}, {Key: "far", OutputPath: "out/far"}}
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}, Jobs: specs}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writeTest(t, `UPDATE jobs SET number = 20000000 WHERE number = 2`); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = s.AddJobs(t.Context(), b.ID, []job.Spec{{Key: "b", OutputPath: "out/far"}}, testTime)
	if want := "/20000000, key \"far\", already"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	o := s.writer.outputs
	o.get(b.Seq).add([]output{makeOutput(maphash.String(o.seed, "out/alike"), 1)}, 1)
	if _, added, _, err := s.AddJobs(t.Context(), b.ID, []job.Spec{{Key: "c", OutputPath: "out/alike"}}, testTime); added != 1 || err != nil {
		t.Errorf("a path with the hash of another: added %d, %v; want 1", added, err)
	}
}

// What is kept has a bound, and what was let go of is read again.
func TestOutputsHaveABound(t *testing.T) {
	o := newOutputs()
	o.keep(1, &batchOutputs{list: make([]output, maxOutputs)})
	o.keep(2, &batchOutputs{list: make([]output, 1)})
	if o.get(1) != nil || o.get(2) == nil {
		t.Errorf("kept of the large batch %t, of the one that is added to %t; want false and true", o.get(1) != nil, o.get(2) != nil)
	}
}
