package bitmovin

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of what the platform sends, in bytes. A response may contain megabytes, and its texts
// get into errors, job tables and logs.
const (
	maxText      = 32 << 10 // of texts for people
	maxValue     = 100      // of enumerations, such as statuses and hints, and of request ids
	maxID        = 256      // of ids; a longer text is not taken for an id
	maxTextCount = 1_000    // number of texts in a list
)

// excerpt returns text in valid UTF-8 with at most limit bytes. It keeps the beginning and the
// end and says between them how many bytes were left out. Secrets must be removed before,
// because half of one would not be recognised.
func excerpt[T ~string](text T, limit int) T {
	s := strings.ToValidUTF8(string(text), "\uFFFD")
	if len(s) <= limit {
		return T(s)
	}
	room := limit - len(fmt.Sprintf(gapFormat, len(s)))
	head, tail := room-room/2, len(s)-room/2
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return T(s[:head] + fmt.Sprintf(gapFormat, tail-head) + s[tail:])
}

// gapFormat replaces the bytes that were left out.
const gapFormat = " [… %d bytes left out …] "

// bounded is implemented by results that contain texts of the platform. Ids are not shortened:
// see [maxID].
type bounded interface{ boundTexts() }

// boundTexts shortens texts. Enumerations, such as the status, were shortened when decoded.
func (t *Task) boundTexts() {
	t.Messages = excerpts(t.Messages)
	if e := t.Error; e != nil {
		e.Category, e.Text = excerpt(e.Category, maxText), excerpt(e.Text, maxText)
	}
}

// boundTexts shortens the name. It keeps its end, which says whose encoding it is.
func (e *Encoding) boundTexts() {
	e.Name = excerpt(e.Name, maxText)
}

func (p *pageBody[T]) boundTexts() {
	for i := range p.Items {
		if item, ok := any(&p.Items[i]).(bounded); ok {
			item.boundTexts()
		}
	}
}

// excerpts shortens the texts of messages, and removes the middle of a list that is too long.
func excerpts(messages []Message) []Message {
	if n := len(messages); n > maxTextCount {
		messages = append(messages[:maxTextCount/2:maxTextCount/2], messages[n-maxTextCount/2:]...)
	}
	for i := range messages {
		m := &messages[i]
		m.Text = excerpt(m.Text, maxText)
	}
	return messages
}
