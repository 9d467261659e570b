package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Below the floor no jobs are taken, and everything else goes on.
func TestDiskFloor(t *testing.T) {
	s, err := openTable(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{Unsafe: true, DiskFloor: store.Floor{Bytes: 100 << 20, Share: 0.1}})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	free, total := int64(1<<30), int64(1<<40)
	s.db.diskSpace = func(string) (int64, int64, error) { return free, total, nil }
	submit := func(requestID string) error {
		_, _, err := s.Submit(t.Context(), job.Submission{
			Batch: job.Batch{AccountID: "default", Open: true}, Jobs: []job.Spec{{Key: "a"}}, RequestID: requestID,
		}, testTime)
		return err
	}
	if err := submit("first"); err != nil {
		t.Fatal(err)
	}
	list, err := s.Batches(t.Context(), job.BatchFilter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	add := func(key string) error {
		_, _, _, err := s.AddJobs(t.Context(), list[0].ID, []job.Spec{{Key: key}}, testTime)
		return err
	}
	free = 100<<20 - 1
	for what, err := range map[string]error{"submit": submit("second"), "add": add("b")} {
		if space, ok := errors.AsType[*job.SpaceError](err); !ok || space.Free != free || space.Floor != 100<<20 {
			t.Errorf("%s: %v, want that the disk has too little room", what, err)
		}
	}
	space, err := store.NewKeeper(s.Store).ReadSpace(t.Context())
	if err != nil || !space.Low() || space.Floor != 100<<20 || space.Table == 0 {
		t.Errorf("%+v, %v", space, err)
	}
	// What makes no row of a job goes on: repeats, and changes of jobs that are there.
	cancel := func(u *job.Update) error { return u.Cancel("enough", testTime) }
	_, cancelErr := s.UpdateJob(t.Context(), job.ID{Batch: list[0].ID, Number: 1}, testTime, cancel)
	_, closeErr := s.UpdateBatch(t.Context(), list[0].ID, testTime, (*job.Batch).Close)
	for what, err := range map[string]error{"a repeat": submit("first"), "cancel": cancelErr, "close": closeErr, "delete": s.DeleteBatch(t.Context(), list[0].ID, testTime)} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	total = 512 << 20 // of which the share is less
	if err := submit("on a small disk"); err != nil {
		t.Error(err)
	}
	free = 51 << 20
	if err := submit("on a small disk that is full"); err == nil {
		t.Error("taken below the share")
	}
	free = 100 << 20
	if err := submit("with room again"); err != nil {
		t.Error(err)
	}
}
