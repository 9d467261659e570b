package webhook

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// Pattern is the pattern of [http.ServeMux] under which a [Receiver] must be served.
const Pattern = "POST /webhooks/bitmovin/{account}"

const (
	// maxBody bounds the bytes of a delivery. A delivery of the platform has about 1,000.
	maxBody = 64 << 10
	// maxAge is how far the time of an event may lie in the past. Since clocks differ, it may
	// also lie as far in the future.
	maxAge = 10 * time.Minute
	// signatureSize is the length of a signature in hexadecimal digits.
	signatureSize = 128
)

// Address returns the URL to which the deliveries of an account are sent. Base is the URL at
// which the platform reaches this service.
func Address(base, accountID string) string {
	return strings.TrimRight(base, "/") + "/webhooks/bitmovin/" + url.PathEscape(accountID)
}

// Config configures a [Receiver].
type Config struct {
	// Accounts are the accounts that receive deliveries.
	Accounts []Account
	// URL is the URL at which the platform reaches this service, without the path of
	// [Pattern]. If it is empty, [Receiver.Run] registers nothing.
	URL string
	// Drives reports whether this process drives an account: webhooks are registered by the one that does. Default: it
	// drives all.
	Drives func(accountID string) bool
	Store  Store        // required
	Logger *slog.Logger // default: discard
}

// Store receives what deliveries say. Its methods must not block.
type Store interface {
	// HintEncoding asks for the status of an encoding to be read soon.
	HintEncoding(accountID, encodingID string)
	// PublishWebhooks replaces the state of the webhooks of an account.
	PublishWebhooks(accountID string, w job.Webhooks)
	// RemoveWebhooks removes it: the account gets no deliveries any more.
	RemoveWebhooks(accountID string)
}

// Account is a Bitmovin account that receives deliveries.
type Account struct {
	ID string
	// Key is the key with which the platform signs deliveries. Required. [Receiver.Reconfigure] replaces it.
	Key bitmovin.Secret
	// Platform registers webhooks. It is used only if [Config.URL] is set.
	Platform Platform
	// Unknown records unknown event types. Nil records none.
	Unknown *bitmovin.UnknownValues
}

// Receiver receives deliveries. Use [New].
type Receiver struct {
	unknownAccount *account // stands in for accounts that do not exist
	url            string
	drives         func(accountID string) bool
	store          Store
	log            *slog.Logger

	mu       sync.RWMutex
	accounts map[string]*account
}

// account is an account with the state of its deliveries and its registration.
type account struct {
	Account
	keys         keys
	log          *slog.Logger
	history      history
	counters     counters
	registration registrationState
}

// New returns a receiver. It registers nothing before [Receiver.Run].
func New(c Config) (*Receiver, error) {
	log := cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	r := &Receiver{accounts: map[string]*account{}, url: c.URL, drives: c.Drives, store: c.Store, log: log}
	if r.drives == nil {
		r.drives = func(string) bool { return true }
	}
	for _, a := range c.Accounts {
		if a.Key == "" {
			return nil, errors.New("account " + a.ID + ": webhooks need a key to be signed with")
		}
		r.add(a)
	}
	// Because of the random key, a delivery for an account that does not exist is answered
	// like one with a wrong signature, and takes as long.
	r.unknownAccount = newAccount(Account{Key: bitmovin.Secret(rand.Text())}, log, false)
	return r, nil
}

// add adds an account. The caller holds r.mu, or is alone.
func (r *Receiver) add(a Account) {
	added := newAccount(a, r.log.With("account", a.ID), r.url != "")
	r.accounts[a.ID] = added
	r.publishKnown(added)
}

func newAccount(a Account, log *slog.Logger, register bool) *account {
	added := &account{Account: a, log: log, keys: keys{current: a.Key, changed: make(chan struct{}, 1)}}
	if register {
		added.registration.problem = "not registered yet"
	}
	return added
}

// ServeHTTP receives a delivery. The documentation of the package says how deliveries are answered.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.RLock()
	a := r.accounts[req.PathValue("account")]
	r.mu.RUnlock()
	if a == nil {
		a = r.unknownAccount
	}
	encoding, o := a.classify(w, req)
	if o == accepted {
		r.store.HintEncoding(a.ID, string(encoding))
	}
	a.count(o, req.RemoteAddr)
	r.publish(a)
	w.WriteHeader(o.status())
}

// classify reads a delivery. It returns the outcome, and for an accepted delivery the encoding.
func (a *account) classify(w http.ResponseWriter, req *http.Request) (bitmovin.EncodingID, outcome) {
	signature := strings.TrimSpace(req.Header.Get(bitmovin.SignatureHeader))
	if len(signature) != signatureSize {
		return "", forged // the body need not be read
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		return "", malformed
	}
	if !a.keys.verify(body, signature, time.Now()) {
		return "", forged
	}
	event, err := bitmovin.ParseWebhook(body)
	if err != nil {
		return "", malformed
	}
	if !event.EventType.Known() {
		a.Unknown.Note(bitmovin.UnknownEvent, string(event.EventType))
	}
	return event.EncodingID, a.classifyEvent(event, time.Now())
}

// classifyEvent returns the outcome of a signed event, and remembers an accepted one. An event
// without a time is stale, because it could be repeated for ever.
func (a *account) classifyEvent(e bitmovin.WebhookEvent, now time.Time) outcome {
	id := e.EventID
	if id == "" {
		id = string(e.EventType) + " " + string(e.EncodingID) + " " + e.TriggeredAt.String()
	}
	switch {
	case e.EncodingID == "":
		return irrelevant
	case now.Sub(e.TriggeredAt.Time).Abs() > maxAge:
		return outdated
	case !a.history.add(id):
		return duplicate
	}
	return accepted
}
