package simulator

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// encoding is the simulator's record of an encoding.
type encoding struct {
	id, name, description string
	labels                []string
	cloudRegion           string
	fallbackRegions       []string
	encoderVersion        string
	infrastructure        json.RawMessage
	custom                json.RawMessage
	key                   string
	ordinal               int   // n for the n-th encoding of this name
	order                 int64 // of creation
	template              *template
	fromTemplate          bool
	deleted               bool

	status                          Status
	createdAt, modifiedAt, queuedAt time.Time
	runningAt, finishedAt           time.Time
	streams                         []*resource
	muxings                         []*resource
	starts                          []time.Time // accepted ones, in order

	// Of the latest run.
	run        int
	startBody  json.RawMessage
	priority   int
	queueOrder int64 // among encodings of the same priority
	duration   time.Duration
	outcome    Outcome
	manifests  []string
	messages   []Message
	stopAt     time.Time // when an accepted stop takes effect, or zero
	// epoch grows with every transition, reprioritization and deletion. Events and queue
	// entries of an earlier epoch are ignored.
	epoch int
}

// encodingTable holds all encodings. Its indexes by status, name and label keep a filtered list
// fast, however many encodings there are.
type encodingTable struct {
	byID     map[string]*encoding // deleted ones included
	created  []*encoding          // in order of creation; remove purges deleted ones now and then
	deleted  int                  // how many of created are deleted
	byStatus map[Status]map[*encoding]struct{}
	byName   map[string][]*encoding // by lower-case name
	byLabel  map[string][]*encoding // by lower-case label
}

func newEncodingTable() *encodingTable {
	t := &encodingTable{
		byID:     make(map[string]*encoding),
		byStatus: make(map[Status]map[*encoding]struct{}),
		byName:   make(map[string][]*encoding),
		byLabel:  make(map[string][]*encoding),
	}
	for _, status := range []Status{Created, Queued, Running, Finished, Error, Canceled, TransferError} {
		t.byStatus[status] = make(map[*encoding]struct{})
	}
	return t
}

// find returns an encoding that has not been deleted, or nil.
func (t *encodingTable) find(id string) *encoding {
	if enc := t.byID[id]; enc != nil && !enc.deleted {
		return enc
	}
	return nil
}

// insert adds an encoding that has an id but no status yet.
func (t *encodingTable) insert(enc *encoding) {
	name := strings.ToLower(enc.name)
	t.byName[name] = append(t.byName[name], enc)
	enc.ordinal = len(t.byName[name])
	for _, label := range enc.labels {
		label = strings.ToLower(label)
		t.byLabel[label] = append(t.byLabel[label], enc)
	}
	t.byID[enc.id] = enc
	t.created = append(t.created, enc)
}

// remove marks an encoding as deleted. The encoding stays in byID.
func (t *encodingTable) remove(enc *encoding) {
	enc.deleted = true
	enc.epoch++
	delete(t.byStatus[enc.status], enc)
	if t.deleted++; t.deleted > 1000 && t.deleted > len(t.created)/2 {
		t.created = slices.DeleteFunc(t.created, func(e *encoding) bool { return e.deleted })
		t.deleted = 0
	}
	enc.streams, enc.muxings = nil, nil
}

// setStatus changes the status. Events of the encoding that were scheduled before are void.
func (t *encodingTable) setStatus(enc *encoding, status Status) {
	delete(t.byStatus[enc.status], enc)
	enc.status = status
	enc.epoch++
	t.byStatus[status][enc] = struct{}{}
}

// count returns how many encodings are in a status.
func (t *encodingTable) count(status Status) int { return len(t.byStatus[status]) }

// candidates returns a new slice with at least the encodings that match the filter, the newest
// first. An index leaves out most of the others.
func (t *encodingTable) candidates(f filter) []*encoding {
	var found []*encoding
	switch {
	case f.name != "":
		found = slices.Clone(t.byName[strings.ToLower(f.name)])
	case f.exactTerm() != nil && f.exactTerm().field == "name":
		found = slices.Clone(t.byName[f.exactTerm().text])
	case f.exactTerm() != nil:
		found = slices.Clone(t.byLabel[f.exactTerm().text])
	case f.status != "":
		return slices.SortedFunc(maps.Keys(t.byStatus[f.status]), func(a, b *encoding) int {
			return cmp.Compare(b.order, a.order)
		})
	default:
		found = slices.Clone(t.created)
	}
	slices.Reverse(found)
	return found
}
