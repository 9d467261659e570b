package dispatcher

import (
	"slices"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

// The line is read anew when few are left of it, and from time to time while batches share it.
func TestLine(t *testing.T) {
	jobs := func(ids ...job.ID) (list []job.Job) {
		for _, id := range ids {
			list = append(list, job.Job{ID: id})
		}
		return list
	}
	l := newLine(jobs(id(1), id(2), id(3), id(4)), 4, now)
	if l.isOutdated(3, now) || l.count() != 4 {
		t.Errorf("just read: %d in line, outdated", l.count())
	}
	l.leave(id(2))
	l.leave(id(9)) // not in line
	if l.has(id(2)) || l.count() != 3 || l.isOutdated(3, now) {
		t.Errorf("%d in line after one has left", l.count())
	}
	l.leave(id(1))
	var left []job.ID
	for j := range l.waiting() {
		left = append(left, j.ID)
	}
	if !slices.Equal(left, []job.ID{id(3), id(4)}) {
		t.Errorf("%v wait, want 3 and 4", left)
	}
	if !l.isOutdated(3, now) {
		t.Error("not read anew with two in line of three needed")
	}
	if l = newLine(jobs(id(1)), 4, now); l.isOutdated(3, now) {
		t.Error("read anew although no other job waits")
	}
	l = newLine(jobs(id(1), job.ID{Batch: "other", Number: 1}), 4, now)
	later := now.Add(sharesInterval)
	if l.isOutdated(1, later) {
		t.Error("read anew although nothing has changed")
	}
	l.changed = true
	if l.isOutdated(1, later.Add(-time.Millisecond)) || !l.isOutdated(1, later) {
		t.Error("shares are not read anew each second")
	}
}
