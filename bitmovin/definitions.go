package bitmovin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// definitionsAge is how long a catalogue of errors is good for.
	definitionsAge = 24 * time.Hour
	// definitionsRetry is when to ask again for one that could not be had.
	definitionsRetry = time.Hour
	// Bounds of a catalogue: its texts are the platform's.
	maxDefinitions     = 2000
	maxDefinitionBytes = 256 << 10
	maxDefinitionText  = 500
)

// definition explains an error code in the platform's words. Missing parts are empty.
type definition struct {
	Code        int
	Category    string
	Message     string // may hold placeholders, such as {1}
	Description string
	RetryHint   RetryHint // of encoding errors; empty when missing or not known
}

// Text returns what d says: its message, unless that has placeholders.
func (d definition) Text() string {
	if strings.Contains(d.Message, "{") {
		return firstText(d.Description, d.Message)
	}
	return firstText(d.Message, d.Description)
}

// What is documented about error codes, for as long as the platform's own catalogues
// cannot be had.
var (
	documentedAPIErrors = map[int]definition{
		codeMinutesExceeded: {Description: "the encoding minutes of the month are used up"},
		codeBytesExceeded:   {Description: "the bytes of the month are used up"},
		codeQueueLimitAlt:   {Description: "the limit of queued encodings is reached"},
		codeQueueLimit:      {Description: "the limit of queued encodings is reached"},
		codeQuota5:          {Description: "a quota of the account is used up"},
		codeQuota6:          {Description: "a quota of the account is used up"},
		codeQuota7:          {Description: "a quota of the account is used up"},
	}
	documentedEncodingErrors = map[int]definition{
		-1:    {Category: "UNDEFINED", RetryHint: RetryUndefined},
		10000: decodingError, 10001: decodingError, 10002: decodingError, 10003: decodingError,
		10004: decodingError, 10005: decodingError, 10006: decodingError, 10007: decodingError,
	}
	decodingError = definition{Category: "DECODING ERROR", Description: "the input cannot be decoded", RetryHint: RetryPointless}
)

// catalogue is what is known about error codes of one kind.
type catalogue struct {
	path       string
	documented map[int]definition

	mu     sync.RWMutex
	loaded map[int]definition // nil: never
	due    time.Time          // when to load it again; zero: it has not been tried yet
}

// find returns what is known about a code.
func (c *catalogue) find(code int) (definition, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if d, ok := c.loaded[code]; ok {
		return d, true
	}
	d, ok := c.documented[code]
	return d, ok
}

// state reports whether the platform was asked for the catalogue, and whether it told.
func (c *catalogue) state() (tried, loaded bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return !c.due.IsZero(), c.loaded != nil
}

// update takes note of an attempt to load the catalogue.
func (c *catalogue) update(loaded map[int]definition, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due = due; loaded != nil {
		c.loaded = loaded
	}
}

// LoadDefinitions fetches the platform's catalogues of API errors and of encoding errors, and
// completes errors by them from then on: the category and text they lack and, of encoding
// errors, the hint. It does nothing with a catalogue that was fetched less than a day ago, or
// could not be fetched less than an hour ago, so that it may be called at any time; one call at
// a time has the others wait. Until it succeeds, and for codes that it does not find, what
// is documented is used. Its error says what could not be fetched.
func (c *Client) LoadDefinitions(ctx context.Context) error {
	select {
	case c.loading <- struct{}{}:
		defer func() { <-c.loading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return errors.Join(c.loadCatalogue(ctx, &c.apiErrors), c.loadCatalogue(ctx, &c.encodingErrors))
}

func (c *Client) loadCatalogue(ctx context.Context, of *catalogue) error {
	now := c.governor.clock.Now()
	if now.Before(of.due) {
		return nil
	}
	definitions, err := c.fetchDefinitions(ctx, of.path)
	if err != nil {
		if ctx.Err() == nil {
			of.update(nil, now.Add(definitionsRetry))
		}
		return err
	}
	of.update(definitions, now.Add(definitionsAge))
	for code := range maps.Keys(definitions) {
		c.unknown.forget(UnknownErrorCode, strconv.Itoa(code))
	}
	return nil
}

// fetchDefinitions walks through a catalogue as far as its bounds allow. A platform that
// sends all of it as each page has sent it.
func (c *Client) fetchDefinitions(ctx context.Context, path string) (map[int]definition, error) {
	found, size := map[int]definition{}, 0
	for item, err := range all[definitionBody](ctx, c, call{path: path, class: ClassOther}, 0, maxPageSize) {
		if errors.Is(err, errStuck) {
			break
		}
		if err != nil {
			return nil, err
		}
		d := item.definition()
		if d.RetryHint != "" && !d.RetryHint.Known() {
			c.unknown.Note(UnknownRetryHint, string(d.RetryHint))
			d.RetryHint = ""
		}
		size += len(d.Category) + len(d.Message) + len(d.Description)
		if len(found) >= maxDefinitions || size > maxDefinitionBytes {
			break
		}
		found[d.Code] = d
	}
	return found, nil
}

// definitionBody is a definition on the wire.
type definitionBody struct {
	Code        *errorCode `json:"code"`
	Category    string     `json:"category"`
	Message     string     `json:"message"`
	Description string     `json:"description"`
	RetryHint   RetryHint  `json:"retryHint"`
}

func (b definitionBody) required() (field, value string) {
	if b.Code != nil && b.Code.odd == "" {
		value = strconv.Itoa(b.Code.number)
	}
	return "code", value
}

func (b definitionBody) definition() definition {
	return definition{
		Code: b.Code.number, Category: cleanText(b.Category, maxWord),
		Message: cleanText(b.Message, maxDefinitionText), Description: cleanText(b.Description, maxDefinitionText),
		RetryHint: b.RetryHint,
	}
}

// Explain completes the error of a failed run by what is known about its code; what the run
// itself says counts. It does nothing before [Client.LoadDefinitions] has been called, and
// after that [Client.Status] does it.
func (c *Client) Explain(t *Task) {
	tried, loaded := c.encodingErrors.state()
	if !tried || t.Error == nil || t.Error.Code == 0 {
		return
	}
	d, known := c.encodingErrors.find(t.Error.Code)
	if !known && loaded {
		c.unknown.Note(UnknownErrorCode, strconv.Itoa(t.Error.Code))
	}
	t.Error.Category = firstText(t.Error.Category, d.Category)
	t.Error.Text = firstText(t.Error.Text, d.Text())
	t.Error.RetryHint = cmp.Or(t.Error.RetryHint, d.RetryHint)
}

// explainRefusal does so with a refused call.
func (c *Client) explainRefusal(e *APIError) {
	d, known := c.apiErrors.find(e.Code)
	if e.Code != 0 && !known {
		c.unknown.Note(UnknownErrorCode, strconv.Itoa(e.Code))
	}
	if e.OddCode != "" {
		c.unknown.Note(UnknownErrorCode, e.OddCode)
	}
	if firstText(e.Message, e.DeveloperMessage) == "" {
		e.Message = d.Text()
	}
}

// UnmarshalJSON accepts everything; an item that is no object has no code.
func (b *definitionBody) UnmarshalJSON(raw []byte) error {
	type plain definitionBody
	return tolerant(json.Unmarshal(raw, (*plain)(b)))
}
