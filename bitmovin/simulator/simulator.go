package simulator

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

// Simulator is a Bitmovin API for tests, demonstrations and rehearsals. It is
// an [http.Handler] that serves the paths under /v1; the zero value is ready.
//
// Set the fields before the first request and leave them alone afterwards.
// [Simulator.Close] ends what the simulator does by itself (timers, webhooks).
//
// EncodingDuration and Outcome run while the simulator is locked: they must be
// quick and must not call the simulator's methods. Fault and Deliver run
// unlocked, possibly several at a time.
type Simulator struct {
	// Encoders is how many encodings run side by side. Zero means 10; a
	// negative number means none, so that everything started stays QUEUED.
	Encoders int

	// QueueLimit is how many encodings may be QUEUED; a start beyond it is
	// refused with QueueFullCode and changes nothing. Zero means 100, a
	// negative number means no limit.
	QueueLimit int

	// TakeAnyStart accepts a start in every status instead of refusing it: one
	// of an encoding that is under way or has ended is counted (and would be
	// paid), and changes nothing else. It shows clients that rely on refusals.
	TakeAnyStart bool

	// QueueFullStatus and QueueFullCode are the answer to a start beyond
	// QueueLimit. Zero means 403 and 8004. The real status is not published.
	QueueFullStatus int
	QueueFullCode   int

	// Duration is how long an encoding runs. Zero means 30 seconds.
	Duration time.Duration

	// EncodingDuration, if set, gives the duration of one run instead of
	// Duration. It is asked at every accepted start; a result of zero or less
	// means Duration.
	EncodingDuration func(Encoding) time.Duration

	// StartDelay is how long an encoding stays QUEUED at least before it may
	// take a free encoder. Zero means that a free encoder takes it at once.
	StartDelay time.Duration

	// StopDelay is how long after an accepted stop an encoding is CANCELED,
	// unless it ends by itself before. Zero means at once.
	StopDelay time.Duration

	// TemplateDelay is how long an encoding started from a template has type
	// NONE, no children and status CREATED before it is QUEUED. Its place in
	// the queue is reserved meanwhile. Zero means not at all.
	TemplateDelay time.Duration

	// FailRate is the share (0 to 1) of runs that end in ERROR with the hint
	// RETRY, half-way through. Which ones follows from Seed and the encoding's
	// name. Outcome, if set, decides instead.
	FailRate float64

	// Outcome, if set, decides how a run ends. The run is 1 for the first
	// accepted start of that encoding. A zero Outcome is FINISHED.
	Outcome func(enc Encoding, run int) Outcome

	// APIKeys are the keys that are accepted. Empty means that any key is,
	// except an empty one. A refused key gets 401.
	APIKeys []string

	// Limits replace documented rate limits of the same group and method; see
	// [DocumentedLimits]. A limit of zero or less calls means no limit.
	Limits []Limit

	// Unlimited switches rate limits off, the x-ratelimit-* headers included.
	Unlimited bool

	// OmitTotalCount leaves totalCount out of the encodings list unless the
	// request says includeTotalCount=true, as the documentation (but not the
	// official examples) would have it.
	OmitTotalCount bool

	// Latency is waited before every call takes effect.
	Latency time.Duration

	// Fault, if set, is asked about every call that has passed authentication
	// and rate limits. A zero Fault lets Faults decide.
	Fault func(Call) Fault

	// Faults is a storm of random faults, replayable by Seed.
	Faults FaultPlan

	// Clock is what the simulator lives by. Nil means the world's time. With any
	// other, nothing happens between two calls, though each finds everything as
	// if it had; there are no webhooks, no awaits, and a hang does not end.
	Clock clock.Clock

	// Seed decides everything random: ids, failures, the storm. Zero means a
	// seed drawn at the first request, which Stats reports.
	Seed uint64

	// LedgerLimit is how many of the latest calls the ledger keeps. Zero means
	// 100,000, a negative number means all. Counts are exact regardless.
	LedgerLimit int

	// WebhookClient delivers webhooks. Nil means a client that waits 30 s for
	// a connection and 10 s for an answer, as the platform does.
	WebhookClient *http.Client

	// Deliver, if set, says how many times one notification is delivered: 0
	// loses it, 2 duplicates it with the same event id. Nil means once.
	Deliver func(Delivery) int

	once sync.Once
	state
}

const (
	defaultEncoders    = 10
	defaultQueueLimit  = 100
	defaultDuration    = 30 * time.Second
	defaultLedgerLimit = 100_000

	// maxBody bounds a request body; the platform publishes no limit.
	maxBody = 10 << 20
)

// init prepares the state behind the zero value; every exported method and
// the handler call it first.
func (s *Simulator) init() {
	s.once.Do(func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		s.state.init(ctx, cancel, s.Seed, s.now())
		s.limits = newLimiter(s.now, s.Limits)
		s.known = newCatalog()
		s.routes = newRouter(apiRoutes(s.known))
	})
}

// Close stops the simulator's timer, abandons webhook deliveries and requests
// that hang, and waits until its goroutines have ended. Later API calls are
// answered with 503; ledger, statistics and snapshots stay readable.
func (s *Simulator) Close() {
	s.init()
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.wakeAll()
	s.mu.Unlock()
	s.cancel(errClosed)
	s.background.Wait()
}

// now is the present by the simulator's clock.
func (s *Simulator) now() time.Time { return clock.Or(s.Clock).Now() }

func (s *Simulator) encoders() int {
	return max(0, cmp.Or(s.Encoders, defaultEncoders))
}

// queueIsFull reports whether another start would exceed QueueLimit. Starts
// from templates that are still being set up hold their places already.
func (s *Simulator) queueIsFull() bool {
	limit := cmp.Or(s.QueueLimit, defaultQueueLimit)
	return limit >= 0 && len(s.byStatus[Queued])+s.pendingTemplates >= limit
}

func (s *Simulator) queueFull() *apiError {
	s.stats.queueFull++
	return &apiError{
		status:  cmp.Or(s.QueueFullStatus, http.StatusForbidden),
		code:    cmp.Or(s.QueueFullCode, CodeQueueFull),
		message: "the limit of queued encodings is reached; start again when the queue has drained",
	}
}
