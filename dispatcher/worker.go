package dispatcher

import (
	"cmp"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/provision"
)

// worker makes the calls of one account and records what came of them. Its methods run in task
// goroutines, side by side. It has nothing of the loop's state: every field is either never
// changed after the loop has begun or safe for concurrent use.
type worker struct {
	account Account
	store   Store
	log     *slog.Logger
	clock   clock.Clock
	settle  time.Duration

	provisioner      *provision.Provisioner
	encodings        *encodingList
	startLookup      startLookup
	loadsDefinitions bool // the platform's definitions of errors are fetched; set before the loop runs
	// restartsRefused says that the platform does not start an encoding again that has run. It
	// is found out anew by each process, at the cost of one refused call.
	restartsRefused    atomic.Bool
	underConfiguration sync.Map // ids of encodings that are being configured: no job has them yet
}

func newWorker(c Config, a Account, log *slog.Logger) *worker {
	return &worker{
		account: a, store: c.Store, log: log, clock: c.Clock, settle: cmp.Or(c.Settle, a.Client.Timeout()+settleMargin),
		provisioner: provision.New(c.provision(a)),
		encodings:   newEncodingList(c.Store, a, c.Clock, log),
	}
}

// now is the present by the dispatcher's clock.
func (w *worker) now() time.Time { return w.clock.Now() }

// provision is what the account's provisioner works with.
func (c Config) provision(a Account) provision.Config {
	return provision.Config{
		AccountID: a.ID, Platform: a.Client, Store: c.Store, Inputs: c.Inputs, Outputs: c.Outputs, Clock: c.Clock,
	}
}
