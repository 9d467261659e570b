package bitmovin

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of the texts that are kept of a response, in bytes unless stated otherwise. A response may
// contain megabytes, and its texts get into errors, job tables and logs.
const (
	maxText      = 32 << 10 // of a text for people
	maxValue     = 100      // of a value of an enumeration, such as a status, and of a request id
	maxID        = 256      // of an id; a longer text is not taken for an id
	maxTextCount = 1_000    // how many messages a list keeps
)

// excerpt returns text in valid UTF-8 with at most limit bytes. It keeps the beginning and the
// end and says between them how many bytes were left out. The caller must have removed secrets,
// because half a secret would not be recognised.
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

// boundTexts shortens the messages and the error. Decoding has already shortened the enumerations,
// such as the status.
func (t *Task) boundTexts() {
	t.Messages = excerpts(t.Messages)
	if e := t.Error; e != nil {
		e.Category, e.Text = excerpt(e.Category, maxText), excerpt(e.Text, maxText)
	}
}

// boundTexts shortens the name. The end of the name stays, because it says whose encoding it is.
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

// excerpts shortens the texts of messages. Of more than maxTextCount messages it keeps the first
// and the last half as many.
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
