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
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// Pattern is what a [Receiver] is to be served under, for [http.ServeMux].
const Pattern = "POST /webhooks/bitmovin/{account}"

const (
	// maxBody bounds a delivery; real ones have about one kilobyte.
	maxBody = 64 << 10
	// maxAge is how far the time of an event may lie from now, in either
	// direction: clocks differ.
	maxAge = 10 * time.Minute
	// signatureSize is the length of a signature in hexadecimal.
	signatureSize = 128
)

// Address is where deliveries for an account arrive, given the URL under which the
// outside reaches this service.
func Address(base, accountID string) string {
	return strings.TrimRight(base, "/") + "/webhooks/bitmovin/" + url.PathEscape(accountID)
}

// Config is what a [Receiver] works with.
type Config struct {
	// Accounts are those that take deliveries.
	Accounts []Account
	// URL is where the outside reaches this service, without the path of [Pattern].
	// Empty: nothing is registered at the platform.
	URL    string
	Store  Store        // required
	Logger *slog.Logger // default: discard
}

// Store is where deliveries become known.
type Store interface {
	// HintEncoding says that an encoding is worth a look at the platform. It must not block.
	HintEncoding(accountID, encodingID string)
	// PublishWebhooks replaces how the webhooks of an account stand. It must not block.
	PublishWebhooks(accountID string, w job.Webhooks)
}

// Account is one Bitmovin account that takes deliveries.
type Account struct {
	ID string
	// Key is what deliveries are signed with; required.
	Key bitmovin.Secret
	// Platform is where webhooks are registered; it is used only with a URL.
	Platform Platform
	// Unknown takes note of events of a type that is not known; nil: nobody does.
	Unknown *bitmovin.UnknownValues
}

// Receiver takes deliveries. Use [New].
type Receiver struct {
	accounts map[string]*account
	stranger *account // stands in for accounts that there are not
	url      string
	store    Store
}

// account is an account with what has been delivered for it.
type account struct {
	Account
	log      *slog.Logger
	history  history
	tally    tally
	standing standing
}

// New returns a receiver that takes deliveries, and registers nothing until it runs.
func New(c Config) (*Receiver, error) {
	log := cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	r := &Receiver{accounts: map[string]*account{}, url: c.URL, store: c.Store}
	for _, a := range c.Accounts {
		if a.Key == "" {
			return nil, errors.New("account " + a.ID + ": webhooks need a key to be signed with")
		}
		r.accounts[a.ID] = newAccount(a, log.With("account", a.ID), c.URL != "")
		r.publish(r.accounts[a.ID])
	}
	// A key that nobody has makes unknown accounts look like wrong signatures, down
	// to the time it takes.
	r.stranger = newAccount(Account{Key: bitmovin.Secret(rand.Text())}, log, false)
	return r, nil
}

func newAccount(a Account, log *slog.Logger, register bool) *account {
	fresh := &account{Account: a, log: log}
	if register {
		fresh.standing.problem = "not registered yet"
	}
	return fresh
}

// ServeHTTP takes a delivery; see the package's documentation for what becomes of it.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a := r.accounts[req.PathValue("account")]
	if a == nil {
		a = r.stranger
	}
	encoding, v := a.judge(w, req)
	if v == accepted {
		r.store.HintEncoding(a.ID, string(encoding))
	}
	a.count(v, req.RemoteAddr)
	r.publish(a)
	w.WriteHeader(v.status())
}

// judge reads a delivery and says what it is, and about which encoding.
func (a *account) judge(w http.ResponseWriter, req *http.Request) (bitmovin.EncodingID, verdict) {
	signature := strings.TrimSpace(req.Header.Get(bitmovin.SignatureHeader))
	if len(signature) != signatureSize {
		return "", forged // not worth reading
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		return "", malformed
	}
	if err := bitmovin.VerifyWebhookSignature(a.Key, body, signature); err != nil {
		return "", forged
	}
	event, err := bitmovin.ParseWebhook(body)
	if err != nil {
		return "", malformed
	}
	if !event.EventType.Known() {
		a.Unknown.Note(bitmovin.UnknownEvent, string(event.EventType))
	}
	return event.EncodingID, a.weigh(event, time.Now())
}

// weigh says what a signed event is worth. One without a time counts as stale: it
// could be repeated for ever.
func (a *account) weigh(e bitmovin.WebhookEvent, now time.Time) verdict {
	id := e.EventID
	if id == "" {
		id = string(e.EventType) + " " + string(e.EncodingID) + " " + e.TriggeredAt.String()
	}
	switch {
	case e.EncodingID == "":
		return irrelevant
	case now.Sub(e.TriggeredAt.Time).Abs() > maxAge:
		return stale
	case !a.history.first(id):
		return duplicate
	}
	return accepted
}
