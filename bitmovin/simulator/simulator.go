package simulator

import (
	"cmp"
	"net/http"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

// Simulator is a Bitmovin API for tests, demonstrations and plans. It is an [http.Handler]
// that serves the paths under /v1. The zero value is ready.
//
// Set the fields before the first request and do not change them afterwards.
// [Simulator.Close] ends what the simulator does by itself: its timer and the deliveries of
// webhooks.
//
// EncodingDuration, Outcome and DenyPermission run while the simulator is locked: they must be quick and must
// not call methods of the simulator. Fault and Deliver run unlocked, possibly several at a
// time.
type Simulator struct {
	// Encoders is how many encodings run side by side. Zero means 10. A negative number
	// means none: started encodings stay QUEUED.
	Encoders int

	// QueueLimit is how many encodings may be QUEUED. A start beyond it is refused with
	// QueueFullCode and changes nothing. Zero means 100, a negative number means no limit.
	QueueLimit int

	// TakeAnyStart accepts a start in every status. In another status than CREATED or
	// ERROR, or before TemplateDelay has passed, the start changes nothing and is only
	// recorded in [Simulator.Starts]. So tests find clients that rely on the refusal of a
	// second start.
	TakeAnyStart bool

	// TakeForeignIDs accepts ids of inputs, outputs, codec configurations and filters that the
	// simulator has not made, if they have the form of the platform's ids: as if these resources
	// existed. So what names resources of a real account can be rehearsed. Without it every id
	// must exist.
	TakeForeignIDs bool

	// QueueFullStatus is the HTTP status and QueueFullCode the API error code of the answer
	// to a start beyond QueueLimit. Zero means 403 and 8004. The platform does not document
	// the status.
	QueueFullStatus int
	QueueFullCode   int

	// Duration is how long an encoding runs. Zero means 30 seconds.
	Duration time.Duration

	// EncodingDuration, if set, returns the duration of one run. It is called at every
	// accepted start. A result of zero or less means Duration.
	EncodingDuration func(Encoding) time.Duration

	// StartDelay is the least time for which an encoding stays QUEUED although an encoder
	// is free. Zero means that a free encoder takes it at once.
	StartDelay time.Duration

	// StopDelay is the time from an accepted stop until the encoding is CANCELED, unless the
	// run ends before. Zero means at once.
	StopDelay time.Duration

	// TemplateDelay is how long the encoding of a template has type NONE, no streams and
	// status CREATED before it is QUEUED. Meanwhile the encoding counts against QueueLimit.
	// Zero means that the encoding is QUEUED at once.
	TemplateDelay time.Duration

	// FailRate is the share, 0 to 1, of runs that end in ERROR with the hint RETRY, half-way
	// through. Seed and the name of the encoding decide which runs. FailRate is not used if
	// Outcome is set.
	FailRate float64

	// Outcome, if set, decides how a run ends. Run is 1 at the first accepted start of the
	// encoding. The zero Outcome is FINISHED.
	Outcome func(enc Encoding, run int) Outcome

	// DenyPermission, if set, returns why the platform may not write to a path of an S3 output;
	// empty if it may. It is called whenever a client has the permissions checked.
	DenyPermission func(PermissionCheck) string

	// APIKeys are the accepted keys. None means that every key is accepted except an empty
	// one. A call with another key gets 401.
	APIKeys []string

	// Limits replace the limits of [DocumentedLimits] with the same group and method. Zero
	// calls or less mean no limit.
	Limits []Limit

	// Unlimited switches off rate limits and the x-ratelimit-* headers.
	Unlimited bool

	// OmitTotalCount leaves totalCount out of the list of encodings unless the request says
	// includeTotalCount=true. The documentation requires that parameter; the official
	// examples do without it.
	OmitTotalCount bool

	// TakeUnknownValues accepts values of the platform's enumerations that the simulator does not
	// know. The enumerations grow.
	TakeUnknownValues bool

	// Latency is the time between the arrival of a call and its effect.
	Latency time.Duration

	// Fault, if set, chooses the fault of every call that has passed authentication and
	// rate limits. If it returns the zero Fault, Faults chooses.
	Fault func(Call) Fault

	// Faults injects random faults, which Seed replays.
	Faults FaultPlan

	// Clock tells the simulator the time. Nil means real time. With a Clock the simulator
	// has no timer: an event that is due is computed at the next call, and keeps its own
	// time. With a Clock do not use webhooks, the Await methods or hangs without a delay.
	Clock clock.Clock

	// Seed decides everything random: ids, failed runs and faults. Zero means a random seed,
	// which [Stats] reports.
	Seed uint64

	// LedgerLimit is how many of the latest calls the ledger keeps. Zero means 100,000, a
	// negative number means all. The counts of [Stats] cover all calls.
	LedgerLimit int

	// WebhookClient delivers webhooks. Nil means a client that waits 30 s for a connection
	// and 10 s for a response, as the platform does.
	WebhookClient *http.Client

	// Deliver, if set, returns how many times a delivery is sent: 0 loses it, 2 sends it
	// twice with the same event id. Nil means once.
	Deliver func(Delivery) int

	once sync.Once
	state
}

const (
	defaultEncoders    = 10
	defaultQueueLimit  = 100
	defaultDuration    = 30 * time.Second
	defaultLedgerLimit = 100_000

	// maxBody bounds a request body. The platform documents no limit.
	maxBody = 10 << 20
)

// Close stops the timer, abandons webhook deliveries and requests that hang, and waits until
// the goroutines of the simulator have ended. A closed simulator answers API calls with 503.
// Ledger, statistics and snapshots stay readable.
func (s *Simulator) Close() {
	s.init()
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.waiters.wakeAll()
	s.mu.Unlock()
	s.cancel(errClosed)
	s.background.Wait()
}

// now returns the present by the clock of the simulator.
func (s *Simulator) now() time.Time { return clock.Or(s.Clock).Now() }

// encoders returns how many encodings may run side by side.
func (s *Simulator) encoders() int {
	return max(0, cmp.Or(s.Encoders, defaultEncoders))
}

// queueIsFull reports whether another start would exceed QueueLimit.
func (s *Simulator) queueIsFull() bool {
	limit := cmp.Or(s.QueueLimit, defaultQueueLimit)
	return limit >= 0 && s.schedule.queued() >= limit
}

// refuseFullQueue counts and returns the refusal of a start beyond QueueLimit.
func (s *Simulator) refuseFullQueue() *apiError {
	s.stats.queueFull++
	return &apiError{
		status:  cmp.Or(s.QueueFullStatus, http.StatusForbidden),
		code:    cmp.Or(s.QueueFullCode, CodeQueueFull),
		message: "the limit of queued encodings is reached; start again when the queue has drained",
	}
}
