package job

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The errors that all packages share, to be matched with errors.Is.
var (
	ErrNotFound          = errors.New("not found")
	ErrExists            = errors.New("already exists")
	ErrConflict          = errors.New("changed by another call")
	ErrIllegalTransition = errors.New("not allowed in this state")
	ErrFull              = errors.New("no space left for the job table")
	ErrUnavailable       = errors.New("the job table cannot be reached")
)

// ErrReadOnly says that the job table can be read and not written: its disk is read-only, or its files are. It matches
// [ErrUnavailable].
var ErrReadOnly = fmt.Errorf("%w: its disk or its files can only be read", ErrUnavailable)

// ErrDamaged says that a part of the job table cannot be read. It matches [ErrUnavailable].
var ErrDamaged = fmt.Errorf("%w: it is damaged", ErrUnavailable)

// TableTrouble reports whether err says that the job table cannot be used at present, whatever was asked of it.
func TableTrouble(err error) bool { return errors.Is(err, ErrFull) || errors.Is(err, ErrUnavailable) }

// ExplainTableTrouble says for people why the job table cannot be written, and what to do. err is a [TableTrouble].
func ExplainTableTrouble(err error) string {
	switch {
	case errors.Is(err, ErrDamaged):
		return "the job table is damaged: keep the file, stop the service, restore the latest backup in its place (stoker backup restore), and start" +
			" the service again; it finds what the platform has encoded since"
	case errors.Is(err, ErrFull):
		return "the disk is full, and the job table cannot be written: make room, and work goes on by itself"
	case errors.Is(err, ErrReadOnly):
		return "the disk of the job table, or its file, is read-only: mount it for writing (dmesg says why it is not), or give the file back to the" +
			" service's user, and work goes on by itself"
	}
	return "the job table cannot be written: the log says why, and work goes on by itself when the cause is gone"
}

// ErrUnconfirmed says that nobody knows whether a change was made. It matches [ErrUnavailable].
var ErrUnconfirmed = fmt.Errorf("%w: the commit is not confirmed, and may have happened", ErrUnavailable)

// A StateError says that the state of a batch or job does not allow a call. It matches
// [ErrIllegalTransition].
type StateError struct {
	Resource    string // "batch" or "job"
	ID          string
	BatchNumber int64 // of the batch, or of the job's batch; 0 if unknown
	State       string
	Problem     string // why the call is not allowed and what to do instead
}

// Error calls batch and job by their numbers, as people do, if it knows them.
func (e *StateError) Error() string {
	name := e.ID
	if e.BatchNumber != 0 {
		name = strconv.FormatInt(e.BatchNumber, 10)
		if _, number, isJob := strings.Cut(e.ID, "/"); isJob {
			name += "/" + number
		}
	}
	return fmt.Sprintf("%s %s is %s: %s", e.Resource, name, e.State, e.Problem)
}

// Is makes errors.Is(err, ErrIllegalTransition) true.
func (e *StateError) Is(target error) bool { return target == ErrIllegalTransition }

// A DeletedError says that a submission was made before, and that its batch has been deleted since. Nothing
// was submitted: what the batch has encoded would be paid for again.
type DeletedError struct {
	ID          string
	BatchNumber int64
	Time        time.Time // of the deletion
}

func (e *DeletedError) Error() string {
	return fmt.Sprintf("this request_id submitted batch %d, which was deleted at %s; nothing was submitted: to submit the jobs again, choose another request_id",
		e.BatchNumber, e.Time.UTC().Format(time.RFC3339))
}

// A SpaceError says that no jobs are taken, because the disk has too little room left for what becomes of
// those that were taken already.
type SpaceError struct {
	Free, Floor int64 // bytes that are left, and that have to be left
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("the server's disk has %s left, and no jobs are taken below %s (disk_floor); nothing was stored."+
		" Make room on the disk, or delete batches; jobs that were taken go on", FormatBytes(e.Free), FormatBytes(e.Floor))
}

// FormatBytes writes a number of bytes as people read it: 512 MiB.
func FormatBytes(n int64) string {
	value, unit := float64(n), 0
	for ; value >= 1024 && unit < len(byteUnits)-1; unit++ {
		value /= 1024
	}
	if unit == 0 || value >= 100 || value == float64(int64(value)) {
		return fmt.Sprintf("%.0f %s", value, byteUnits[unit])
	}
	return fmt.Sprintf("%.1f %s", value, byteUnits[unit])
}

var byteUnits = [...]string{"bytes", "KiB", "MiB", "GiB", "TiB"}

// Violation is one thing that is wrong with a field of a request, list or configuration.
type Violation struct {
	Field   string // path, for example "jobs[17].input_path"
	Message string // what is wrong and what would be right
}

func (v Violation) String() string { return v.Field + ": " + v.Message }

// InvalidError lists everything that is wrong with a request, so that the caller can correct all of
// it at once.
type InvalidError struct {
	Violations []Violation
	More       int // how many other violations there are
}

func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		parts[i] = v.String()
	}
	if e.More > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(parts, "; ")
}
