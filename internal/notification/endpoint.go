package notification

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endpoint is an address that notifications are sent to.
type Endpoint struct {
	Name string // unique
	URL  string
	// Events are what the endpoint is told, sorted as in [Events].
	Events []Event
	// Accounts are the accounts whose events the endpoint is told, sorted; nil: all.
	Accounts []string
	// AllowPrivate lets the address be one that only this network can reach, and the URL be http.
	AllowPrivate bool
	// Configured says that the configuration has the endpoint. Its secrets are there too, and not in Keys.
	Configured bool
	// Keys say from what the secrets of the endpoint are made, the newest first.
	Keys []SecretKey

	Disabled       bool
	DisabledReason string    // why; empty unless Disabled
	DisabledTime   time.Time // since when; zero unless Disabled

	// FailingSince is the time of the first attempt that failed after the last one that did not; zero if the
	// last one succeeded.
	FailingSince    time.Time
	LastSuccessTime time.Time // zero: never

	CreatedBy  string // the name of the principal that made the endpoint; empty if it is Configured
	CreateTime time.Time
	UpdateTime time.Time // of the latest change by somebody
}

// Bounds of endpoints.
const (
	// MaxEndpoints is how many endpoints there may be: a change of a batch writes a row for each.
	MaxEndpoints = 50
	// MaxName and MaxURL are the lengths of the longest name and URL, in bytes.
	MaxName, MaxURL = 64, 2000
)

// DisableAfter is how long an endpoint may go without a success before it is disabled.
const DisableAfter = 5 * 24 * time.Hour

// Wants reports whether the endpoint is told of an event of an account.
func (e *Endpoint) Wants(event Event, account string) bool {
	return !e.Disabled && slices.Contains(e.Events, event) && (len(e.Accounts) == 0 || slices.Contains(e.Accounts, account))
}

// Disable stops sending to the endpoint.
func (e *Endpoint) Disable(reason string, now time.Time) {
	if !e.Disabled {
		e.Disabled, e.DisabledReason, e.DisabledTime = true, reason, now
	}
}

// Enable lets the endpoint be sent to again, with as much patience as a new one.
func (e *Endpoint) Enable() {
	e.Disabled, e.DisabledReason, e.DisabledTime, e.FailingSince = false, "", time.Time{}, time.Time{}
}

// NoteAttempt notes how an attempt has ended. It disables an endpoint that is gone, or that has not succeeded for
// [DisableAfter].
func (e *Endpoint) NoteAttempt(a Attempt) {
	switch {
	case a.Delivered():
		e.FailingSince, e.LastSuccessTime = time.Time{}, a.Time
	case a.HTTPStatus == statusGone:
		e.Disable("it answered 410 Gone", a.Time)
	case e.FailingSince.IsZero():
		e.FailingSince = a.Time
	case a.Time.Sub(e.FailingSince) >= DisableAfter:
		e.Disable(fmt.Sprintf("no success for %d days", DisableAfter/(24*time.Hour)), a.Time)
	}
}

const statusGone = 410

var endpointName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

// CheckName says why a name cannot be that of an endpoint; nil if it can.
func CheckName(name string) error {
	if endpointName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("want 1 to %d letters, digits and . _ -, with a letter or digit at both ends", MaxName)
}

// WithoutPath is the URL of an endpoint as people may see it, up to its path: whoever knows all of it may be able to write
// there.
func WithoutPath(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Sprintf("of %d bytes", len(text))
	}
	place := url.URL{Scheme: u.Scheme, Host: u.Host}
	if *u == place {
		return place.String()
	}
	return place.String() + "/…"
}

// CheckURL says why a text cannot be the URL of an endpoint; nil if it can. The addresses of a host name are checked
// when they are connected to: see [CheckAddress].
func CheckURL(text string, allowPrivate bool) error {
	if len(text) > MaxURL {
		return fmt.Errorf("the URL has %d bytes; want at most %d", len(text), MaxURL)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return errors.New("want a URL without blanks and control characters")
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return errors.New("want a URL such as https://example.com/stoker")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("want a URL that begins with https://")
	case u.Scheme == "http" && !allowPrivate:
		return errors.New("want https://, so that nobody on the way reads or changes it; only an endpoint with allow_private may have http://")
	case u.User != nil:
		return errors.New("leave out user and password: the signature proves who sends")
	case u.Fragment != "":
		return errors.New("leave out the fragment behind #, which is never sent")
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0) {
		return errors.New("want a port from 1 to 65535, or none")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		return CheckAddress(address, allowPrivate)
	}
	return nil
}
