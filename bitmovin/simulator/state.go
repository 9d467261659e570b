package simulator

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

var errClosed = errors.New("simulator closed")

// state is everything behind the Simulator's fields. mu guards all of it
// except what init sets once: context, background, limits, known, routes, seed.
type state struct {
	ctx        context.Context // ends at Close
	cancel     context.CancelCauseFunc
	background sync.WaitGroup
	limits     *limiter
	known      *catalog
	routes     *router
	seed       uint64

	mu     sync.Mutex
	closed bool
	random *rand.Rand

	// The discrete-event part; see schedule.go.
	moment  time.Time // of the latest event or call
	events  heap[event]
	ready   heap[turn]
	timer   *time.Timer
	order   int64 // breaks ties: events, turns and creations in sequence
	waiters []*waiter

	encodings map[string]*encoding
	created   []*encoding // in order of creation, deleted ones until compacted
	deleted   int         // in created
	byStatus  map[Status]map[*encoding]struct{}
	byName    map[string][]*encoding // lower-case
	byLabel   map[string][]*encoding // lower-case

	pendingTemplates int
	resources        map[string]*resource
	byKind           map[*kind][]*resource
	webhooks         map[string]*webhook
	hooked           map[hookKey][]*webhook

	ledger   ledger
	starts   map[string][]time.Time
	arrivals map[arrival]int
	stats    counters
}

func (s *state) init(ctx context.Context, cancel context.CancelCauseFunc, seed uint64, now time.Time) {
	if seed == 0 {
		seed = rand.Uint64() | 1
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	s.ctx, s.cancel, s.seed = ctx, cancel, seed
	s.random = rand.New(rand.NewChaCha8(key))
	s.moment = now
	s.events.before = func(a, b event) bool {
		if !a.at.Equal(b.at) {
			return a.at.Before(b.at)
		}
		return a.order < b.order
	}
	s.ready.before = func(a, b turn) bool {
		if a.priority != b.priority {
			return a.priority > b.priority
		}
		return a.order < b.order
	}
	s.encodings = make(map[string]*encoding)
	s.byStatus = make(map[Status]map[*encoding]struct{})
	for _, status := range []Status{Created, Queued, Running, Finished, Error, Canceled, TransferError} {
		s.byStatus[status] = make(map[*encoding]struct{})
	}
	s.byName = make(map[string][]*encoding)
	s.byLabel = make(map[string][]*encoding)
	s.resources = make(map[string]*resource)
	s.byKind = make(map[*kind][]*resource)
	s.webhooks = make(map[string]*webhook)
	s.hooked = make(map[hookKey][]*webhook)
	s.starts = make(map[string][]time.Time)
	s.arrivals = make(map[arrival]int)
	s.stats.calls = make(map[string]map[int]int)
}

// newID returns a random lower-case UUID of version 4.
func (s *state) newID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], s.random.Uint64())
	binary.LittleEndian.PutUint64(b[8:], s.random.Uint64())
	return formatUUID(b)
}

func formatUUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// derivedID returns the UUID that belongs to the parts, the same every time.
func derivedID(parts ...string) string {
	var b [16]byte
	h := fnv.New128a()
	h.Write([]byte(strings.Join(parts, "\x00")))
	h.Sum(b[:0])
	return formatUUID(b)
}

// chance returns a number in [0,1) that depends on the seed and the parts
// only, so that a run can be replayed whatever the order of the calls.
func (s *state) chance(parts ...string) float64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, s.seed))
	h.Write([]byte(strings.Join(parts, "\x00")))
	x := h.Sum64() // FNV mixes its upper bits poorly: finish as SplitMix64 does
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

func (s *state) nextOrder() int64 {
	s.order++
	return s.order
}

// encoding is the simulator's own record of an encoding.
type encoding struct {
	id, name, description string
	labels                []string
	cloudRegion           string
	fallbackRegions       []string
	encoderVersion        string
	infrastructure        json.RawMessage
	custom                json.RawMessage
	key                   string
	ordinal               int   // of its name: the n-th encoding called so
	order                 int64 // of creation
	template              *template
	fromTemplate          bool
	deleted               bool

	status                          Status
	createdAt, modifiedAt, queuedAt time.Time
	runningAt, finishedAt           time.Time
	streams                         []*resource
	muxings                         []*resource

	// Of the latest run.
	run       int
	startBody json.RawMessage
	priority  int
	turnOrder int64 // its place in the queue
	duration  time.Duration
	outcome   Outcome
	manifests []string
	messages  []Message
	stopAt    time.Time // when an accepted stop takes effect, or zero
	// epoch is bumped by every transition and reprioritization; events and
	// turns made for another epoch are ignored.
	epoch int
}

// resource is anything that is created by a POST and read back.
type resource struct {
	id      string
	kind    *kind
	created time.Time
	fields  json.RawMessage // the object without id, type, times and secrets
	custom  json.RawMessage
	status  Status // of manifests
	order   int64
}
