package bitmovin

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// How long what the platform says may be, in bytes: an answer has room for megabytes of
// it, and a text goes on into errors, job tables and logs.
const (
	maxText      = 32 << 10 // of texts for people
	maxWord      = 100      // of what has few values, such as statuses and hints, and of request ids
	maxID        = 256      // of ids; a longer one is none
	maxTextCount = 1_000    // texts in a list
)

// excerpt returns text with at most limit bytes, and in valid UTF-8: its beginning and its
// end, and between them how many bytes were left out. Secrets have to be gone before: half
// of one would not be recognised.
func excerpt[T ~string](text T, limit int) T {
	s := strings.ToValidUTF8(string(text), "\uFFFD")
	if len(s) <= limit {
		return T(s)
	}
	room := limit - len(fmt.Sprintf(gap, len(s)))
	head, tail := room-room/2, len(s)-room/2
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return T(s[:head] + fmt.Sprintf(gap, tail-head) + s[tail:])
}

// gap stands where bytes were left out.
const gap = " [… %d bytes left out …] "

// bounded is implemented by results with texts in them that the platform has chosen. Ids
// are not cut: see [maxID].
type bounded interface{ bound() }

// bound cuts texts. Words, such as the status, are short since they were decoded.
func (t *Task) bound() {
	t.Messages = excerpts(t.Messages)
	if e := t.Error; e != nil {
		e.Category, e.Text = excerpt(e.Category, maxText), excerpt(e.Text, maxText)
	}
}

// bound cuts texts. Of a name the end is kept, which tells whose the encoding is.
func (e *Encoding) bound() {
	e.Name = excerpt(e.Name, maxText)
}

func (p *pageBody[T]) bound() {
	for i := range p.Items {
		if item, ok := any(&p.Items[i]).(bounded); ok {
			item.bound()
		}
	}
}

// excerpts cuts the texts of messages, and the middle of a list that is too long.
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
