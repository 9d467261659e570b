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
	// definitionsAge is the time after which a loaded catalogue is loaded again.
	definitionsAge = 24 * time.Hour
	// definitionsRetry is the time after which loading is tried again if it failed.
	definitionsRetry = time.Hour
	// These bound a catalogue, whose size the platform decides.
	maxDefinitions     = 2000
	maxDefinitionBytes = 256 << 10
	maxDefinitionText  = 500
)

// definition explains an error code. Missing parts are empty.
type definition struct {
	Code        int
	Category    string
	Message     string // may hold placeholders, such as {1}
	Description string
	RetryHint   RetryHint // of encoding errors; empty when missing or not known
}

// Text returns the message, or the description if the message is empty or has placeholders.
func (d definition) Text() string {
	if strings.Contains(d.Message, "{") {
		return firstText(d.Description, d.Message)
	}
	return firstText(d.Message, d.Description)
}

// The documented definitions. They are used as long as the catalogues of the platform are not
// loaded, and for codes that the catalogues lack.
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
	decodingError = definition{
		Category: "DECODING ERROR", Description: "the input cannot be decoded", RetryHint: RetryPointless,
	}
)

// catalogue holds the definitions of API errors or of encoding errors.
type catalogue struct {
	path       string
	documented map[int]definition

	mu     sync.RWMutex
	loaded map[int]definition // nil: not loaded yet
	due    time.Time          // when to load the catalogue again; zero: not tried yet
}

// find returns the definition of a code: the loaded one, otherwise the documented one.
func (c *catalogue) find(code int) (definition, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if d, ok := c.loaded[code]; ok {
		return d, true
	}
	d, ok := c.documented[code]
	return d, ok
}

// state reports whether loading was tried, and whether it has succeeded.
func (c *catalogue) state() (tried, loaded bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return !c.due.IsZero(), c.loaded != nil
}

// update stores the result of loading and when to load again. If loaded is nil, loading has failed
// and update keeps the earlier definitions.
func (c *catalogue) update(loaded map[int]definition, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due = due; loaded != nil {
		c.loaded = loaded
	}
}

// LoadDefinitions loads the catalogues of API errors and of encoding errors from the platform.
// From then on the client completes errors by the catalogues: a missing text, and for encoding
// errors also a missing category and hint. For codes that the catalogues lack, it uses the
// documented definitions. Before the first call of LoadDefinitions it completes API errors by the
// documented definitions, and encoding errors not at all.
//
// LoadDefinitions may be called at any time. It skips a catalogue that was loaded less than a
// day ago, or whose loading failed less than an hour ago. Concurrent calls wait for each other.
// Its error says what could not be loaded.
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
		c.unknown.remove(UnknownErrorCode, strconv.Itoa(code))
	}
	return nil
}

// fetchDefinitions reads a catalogue up to maxDefinitions and maxDefinitionBytes. If the platform
// sends the same page again, the catalogue is taken to end there.
func (c *Client) fetchDefinitions(ctx context.Context, path string) (map[int]definition, error) {
	found, size := map[int]definition{}, 0
	for item, err := range listAll[definitionBody](ctx, c, call{path: path, class: ClassOther}, 0, maxPageSize) {
		if errors.Is(err, errRepeatedPage) {
			break
		}
		if err != nil {
			return nil, err
		}
		d := item.toDefinition()
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

func (b definitionBody) requiredField() (field, value string) {
	if b.Code != nil && b.Code.text == "" {
		value = strconv.Itoa(b.Code.number)
	}
	return "code", value
}

func (b definitionBody) toDefinition() definition {
	return definition{
		Code: b.Code.number, Category: cleanText(b.Category, maxValue),
		Message: cleanText(b.Message, maxDefinitionText), Description: cleanText(b.Description, maxDefinitionText),
		RetryHint: b.RetryHint,
	}
}

// Explain fills the empty fields of the error of a failed run with the definition of its code.
// It does nothing before [Client.LoadDefinitions] has been called. [Client.ReadStatus] calls it.
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

// explainError gives an [*APIError] without a message the text of the definition of its code.
func (c *Client) explainError(e *APIError) {
	d, known := c.apiErrors.find(e.Code)
	if e.Code != 0 && !known {
		c.unknown.Note(UnknownErrorCode, strconv.Itoa(e.Code))
	}
	if e.TextCode != "" {
		c.unknown.Note(UnknownErrorCode, e.TextCode)
	}
	if firstText(e.Message, e.DeveloperMessage) == "" {
		e.Message = d.Text()
	}
}

// UnmarshalJSON accepts every JSON value. An item that is no object has no code.
func (b *definitionBody) UnmarshalJSON(raw []byte) error {
	type plain definitionBody
	return ignoreTypeErrors(json.Unmarshal(raw, (*plain)(b)))
}
