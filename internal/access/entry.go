package access

import (
	"cmp"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Entry is one call in the audit log, or the count of many that were refused.
type Entry struct {
	ID        int64 // ids grow in the order of the calls
	Time      time.Time
	Principal string
	Kind      Kind
	Address   string // of the caller, without a port
	Method    string // such as BatchService/CancelBatch
	Target    string // the batch, job, account or token; empty if the call named none
	Outcome   string // OK, or the code of the error
	Detail    string // what was changed, or why nothing was
	CallID    string
	Refused   int64 // how many refused calls the entry counts; 0: it is one call
}

// OutcomeOK is the [Entry.Outcome] of a call that succeeded.
const OutcomeOK = "OK"

// Bounds of the texts in an entry, in bytes.
const (
	MaxTarget = 300
	MaxDetail = 1000
)

// An entry's id is the time in milliseconds, and below that [idBits] bits that tell apart the entries of a
// millisecond. A process begins at a random number among them, so that the ids of two processes hardly meet.
const idBits = 22

var (
	lastID    atomic.Int64
	processID = int64(rand.Uint32N(1 << idBits / 2))
)

// NewEntryID returns the id of an entry that is made now. It is greater than all before it in this process.
func NewEntryID(now time.Time) int64 {
	id := now.UnixMilli()<<idBits | processID
	for {
		last := lastID.Load()
		if last >= id {
			id = last + 1
		}
		if lastID.CompareAndSwap(last, id) {
			return id
		}
	}
}

// FirstEntryID is less than the id of every entry that is made at a time or later.
func FirstEntryID(t time.Time) int64 { return t.UnixMilli()<<idBits - 1 }

// EntryFilter chooses entries. Zero fields choose all.
type EntryFilter struct {
	Principal    string
	Methods      []string // whole, or without the service
	Target       string   // a batch includes its jobs
	Outcomes     []string
	Since, Until time.Time // from Since on, before Until
	CallID       string
	BeforeID     int64 // 0: all; else only entries with a lesser id
	Limit        int
}

// IDs returns between which ids the entries are that f chooses, both excluded. An entry's id is made a moment after the
// time of the entry, or a moment before.
func (f EntryFilter) IDs() (after, before int64) {
	if !f.Since.IsZero() {
		after = FirstEntryID(f.Since.Add(-time.Minute))
	}
	return after, cmp.Or(f.BeforeID, math.MaxInt64)
}

// Record is the entry of a call that is under way. The call's first change is written together with it. A
// Record may be used concurrently: the job table may still write when the call has ended.
type Record struct {
	mu      sync.Mutex
	entry   Entry
	written bool // or about to be, together with a change
	changed bool // since it was read to be written
}

// NewRecord makes the record of a call. Its outcome is OK until [Record.End] says otherwise.
func NewRecord(e Entry) *Record {
	e.Outcome = OutcomeOK
	return &Record{entry: e}
}

// Describe says what the call is about and what it changes. An empty text leaves the present one. On a
// nil Record it does nothing.
func (r *Record) Describe(target, detail string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(&r.entry.Target, target)
	r.set(&r.entry.Detail, detail)
}

// set changes a text of the entry. An empty text leaves the present one.
func (r *Record) set(field *string, text string) {
	if text != "" && text != *field {
		*field, r.changed = text, true
	}
}

// ToWrite returns the entry as it is now, which is about to be written.
func (r *Record) ToWrite() Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written, r.changed = true, false
	return r.entry
}

// End returns the entry of a call that has ended with an outcome, and whether it has to be written
// because what was written last, if anything, differs. why is the detail of a call that failed.
func (r *Record) End(outcome, why string) (e Entry, write bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(&r.entry.Outcome, outcome)
	r.set(&r.entry.Detail, why)
	return r.entry, r.changed || !r.written
}

// Written reports whether the entry was written, or is about to be, together with a change.
func (r *Record) Written() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written
}
