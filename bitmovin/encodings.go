package bitmovin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const encodingsPath = "/encoding/encodings"

// The parameters of a list of encodings that the platform may refuse; see
// [EncodingQuery.Without].
const (
	ParamSearch        = "search"
	ParamName          = "name"
	ParamStatus        = "status"
	ParamCreatedAfter  = "createdAtNewerThan"
	ParamFinishedAfter = "finishedAtNewerThan"
	ParamTotalCount    = "includeTotalCount"
	ParamLimit         = "limit"
)

// ListParameters lists these parameters.
func ListParameters() []string {
	return []string{ParamSearch, ParamName, ParamStatus, ParamCreatedAfter, ParamFinishedAfter, ParamTotalCount, ParamLimit}
}

// encodingPath returns the path of an encoding or, with parts, of a resource below the encoding.
func encodingPath(id EncodingID, parts ...string) string {
	return strings.Join(append([]string{encodingsPath, escape(id)}, parts...), "/")
}

// EncodingType says how an encoding was started. No decision depends on it. A value that is none
// of the constants is kept as the platform sent it.
type EncodingType string

// UnmarshalJSON accepts every JSON value. It keeps a value that is no string as JSON text.
func (t *EncodingType) UnmarshalJSON(b []byte) error {
	*t = EncodingType(unmarshalEnum(b))
	return nil
}

// Known reports whether t is one of the constants.
func (t EncodingType) Known() bool {
	return t == EncodingNone || t == EncodingVOD || t == EncodingLive
}

// The encoding types. The type is NONE before the first start.
const (
	EncodingNone EncodingType = "NONE"
	EncodingVOD  EncodingType = "VOD"
	EncodingLive EncodingType = "LIVE"
)

// Encoding is one encoding of the platform. [Client.CreateEncoding] sends only the fields of the
// first group; the platform sets the others.
type Encoding struct {
	Name           string   `json:"name"`
	Labels         []string `json:"labels"`
	CloudRegion    string   `json:"cloudRegion"`    // default AUTO
	EncoderVersion string   `json:"encoderVersion"` // STABLE, BETA or a version; default STABLE

	ID         EncodingID   `json:"id"`
	Type       EncodingType `json:"type"`
	Status     Status       `json:"status"`
	Progress   Percent      `json:"progress"`
	CreatedAt  Time         `json:"createdAt"`
	QueuedAt   Time         `json:"queuedAt"`
	RunningAt  Time         `json:"runningAt"`
	FinishedAt Time         `json:"finishedAt"` // set in every terminal status
}

func (e Encoding) requiredField() (field, value string) { return "id", string(e.ID) }

// encodingBody is the request for a new encoding.
type encodingBody struct {
	Name           string   `json:"name,omitempty"`
	Labels         []string `json:"labels,omitempty"`
	CloudRegion    string   `json:"cloudRegion,omitempty"`
	EncoderVersion string   `json:"encoderVersion,omitempty"`
}

// CreateEncoding creates an encoding in status CREATED, which costs nothing until it is started.
// After an [Ambiguous] error look for the name of the encoding before repeating the call: names
// need not be unique at the platform, so a repetition may create a second encoding. The permit is
// checked just before the call leaves.
func (c *Client) CreateEncoding(ctx context.Context, e Encoding, permit Permit) (Encoding, error) {
	body := encodingBody{
		Name: e.Name, Labels: e.Labels, CloudRegion: e.CloudRegion, EncoderVersion: e.EncoderVersion,
	}
	var created Encoding
	err := c.do(ctx, call{method: http.MethodPost, path: encodingsPath, class: ClassEncodingCreate, body: body, permit: permit}, &created)
	return created, err
}

// ReadEncoding returns one encoding. The error is [NotFound] if there is none, for example because
// the platform deleted it after 90 days. To follow a running encoding use [Client.ReadStatus], whose
// budget is twenty times larger.
func (c *Client) ReadEncoding(ctx context.Context, id EncodingID) (Encoding, error) {
	var e Encoding
	err := c.do(ctx, call{method: http.MethodGet, path: encodingPath(id), class: ClassEncodingRead, urgency: urgencyStatus}, &e)
	return e, err
}

// DeleteEncoding deletes an encoding with its streams and muxings. The files that it has written
// stay.
func (c *Client) DeleteEncoding(ctx context.Context, id EncodingID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: encodingPath(id), class: ClassSubresource}, nil)
}

// EncodingQuery selects encodings. Zero fields do not restrict the selection.
type EncodingQuery struct {
	Status Status
	Name   string // exact
	// Search is a query in a subset of Lucene: exact terms or prefixes (term*) in the fields
	// name and labels, combined by AND.
	Search         string
	CreatedAfter   time.Time
	CreatedBefore  time.Time
	FinishedAfter  time.Time
	Offset         int
	Limit          int  // per page; default and maximum 100
	SkipTotalCount bool // do not ask for the total; the platform discourages asking
	// Overlap is how many encodings of a page [Client.Encodings] reads again with the next
	// page, at most half a page. It returns these encodings twice. If up to Overlap encodings
	// are deleted while it reads the next page, it misses none.
	Overlap int
	// Without names parameters that are not sent, whatever the other fields say, because the
	// platform refuses them. Without [ParamLimit] the platform chooses the size of pages.
	Without []string
}

// toQuery returns the parameters of the selection, without offset and limit.
func (l EncodingQuery) toQuery() url.Values {
	q := url.Values{}
	for key, value := range map[string]string{
		"status": string(l.Status), "name": l.Name, "search": l.Search,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	for key, t := range map[string]time.Time{
		"createdAtNewerThan": l.CreatedAfter, "createdAtOlderThan": l.CreatedBefore, "finishedAtNewerThan": l.FinishedAfter,
	} {
		if !t.IsZero() {
			q.Set(key, formatTime(t))
		}
	}
	q.Set("includeTotalCount", strconv.FormatBool(!l.SkipTotalCount))
	return q
}

// toCall returns the call for one page, with urgency u. A list by name is as urgent as reading
// one encoding, whatever u is.
func (l EncodingQuery) toCall(u urgency) call {
	if l.Name != "" {
		u = urgencyStatus
	}
	return call{path: encodingsPath, query: l.toQuery(), omit: l.Without, class: ClassEncodingList, urgency: u}
}

// ListEncodings returns one page. All users of the key together may list 60 pages a minute.
func (c *Client) ListEncodings(ctx context.Context, l EncodingQuery) (Page[Encoding], error) {
	return list[Encoding](ctx, c, l.toCall(urgencyCount), l.Offset, l.Limit)
}
