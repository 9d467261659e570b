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

// The parameters of a list of encodings that callers may have to do without; see
// [ListEncodings].
const (
	ParamSearch       = "search"
	ParamName         = "name"
	ParamStatus       = "status"
	ParamCreatedAfter = "createdAtNewerThan"
	ParamTotalCount   = "includeTotalCount"
	ParamLimit        = "limit"
)

// encodingPath is the path of an encoding or, with parts, of something below it.
func encodingPath(id EncodingID, parts ...string) string {
	return strings.Join(append([]string{encodingsPath, escape(id)}, parts...), "/")
}

// EncodingType says what an encoding was started as. Nothing depends on it; one that is none of
// the constants is kept as it came.
type EncodingType string

// UnmarshalJSON accepts everything; what is no text is kept as JSON.
func (t *EncodingType) UnmarshalJSON(b []byte) error {
	*t = EncodingType(unmarshalWord(b))
	return nil
}

// Known reports whether t is one of the constants.
func (t EncodingType) Known() bool {
	return t == EncodingNone || t == EncodingVOD || t == EncodingLive
}

// The encoding types. One that has never been started is NONE.
const (
	EncodingNone EncodingType = "NONE"
	EncodingVOD  EncodingType = "VOD"
	EncodingLive EncodingType = "LIVE"
)

// Encoding is one encoding. [Client.CreateEncoding] sends the fields of the first group
// and nothing else; the platform sets the rest.
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

func (e Encoding) required() (field, value string) { return "id", string(e.ID) }

// encodingBody is what a new encoding is made of.
type encodingBody struct {
	Name           string   `json:"name,omitempty"`
	Labels         []string `json:"labels,omitempty"`
	CloudRegion    string   `json:"cloudRegion,omitempty"`
	EncoderVersion string   `json:"encoderVersion,omitempty"`
}

// CreateEncoding creates an encoding, which then is CREATED and costs nothing until it is
// started. After an [Ambiguous] error look for its name: names need not be unique
// at the platform, so a repetition makes a second one.
func (c *Client) CreateEncoding(ctx context.Context, e Encoding) (Encoding, error) {
	body := encodingBody{
		Name: e.Name, Labels: e.Labels, CloudRegion: e.CloudRegion, EncoderVersion: e.EncoderVersion,
	}
	var created Encoding
	err := c.do(ctx, call{method: http.MethodPost, path: encodingsPath, class: ClassEncodingCreate, body: body}, &created)
	return created, err
}

// Encoding returns one encoding; [NotFound] if there is none, for example because it is
// older than the 90 days the platform keeps them. For the state of a running
// encoding prefer [Client.Status], whose budget is twenty times larger.
func (c *Client) Encoding(ctx context.Context, id EncodingID) (Encoding, error) {
	var e Encoding
	err := c.do(ctx, call{method: http.MethodGet, path: encodingPath(id), class: ClassEncodingRead, urgency: UrgencyStatus}, &e)
	return e, err
}

// DeleteEncoding deletes an encoding with all that belongs to it. What it has written to
// an output stays there.
func (c *Client) DeleteEncoding(ctx context.Context, id EncodingID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: encodingPath(id), class: ClassSubresource}, nil)
}

// ListEncodings selects encodings. Zero fields do not restrict.
type ListEncodings struct {
	Status Status
	Name   string // exact
	// Search is a query in the platform's Lucene subset: exact terms or prefixes
	// (term*) over the fields name and labels, combined by AND.
	Search         string
	CreatedAfter   time.Time
	CreatedBefore  time.Time
	Offset         int
	Limit          int  // per page; default and maximum 100
	SkipTotalCount bool // do not ask for the total, which the platform discourages
	// Overlap is how many encodings of a page [Client.Encodings] asks for again with the
	// next one, so that none is missed when as many are deleted meanwhile; less than half a page.
	Overlap int
	// Without names parameters that are not sent, whatever else is set, because the platform
	// refuses them. Without a limit it serves pages of its own size.
	Without []string
}

// values renders the selection without offset and limit.
func (l ListEncodings) values() url.Values {
	q := url.Values{}
	for key, value := range map[string]string{
		"status": string(l.Status), "name": l.Name, "search": l.Search,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	for key, t := range map[string]time.Time{
		"createdAtNewerThan": l.CreatedAfter, "createdAtOlderThan": l.CreatedBefore,
	} {
		if !t.IsZero() {
			q.Set(key, query(t))
		}
	}
	q.Set("includeTotalCount", strconv.FormatBool(!l.SkipTotalCount))
	return q
}

// call asks for the selection. Whoever asks for a name wants to know how one encoding stands.
func (l ListEncodings) call(urgency Urgency) call {
	if l.Name != "" {
		urgency = UrgencyStatus
	}
	return call{path: encodingsPath, query: l.values(), without: l.Without, class: ClassEncodingList, urgency: urgency}
}

// ListEncodings returns one page. Its class allows 60 calls a minute to all users of the
// key together: spend them with care.
func (c *Client) ListEncodings(ctx context.Context, l ListEncodings) (Page[Encoding], error) {
	return list[Encoding](ctx, c, l.call(UrgencyCount), l.Offset, l.Limit)
}
