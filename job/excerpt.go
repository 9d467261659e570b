package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on texts from the platform or from a proxy before it, in bytes. Such a text can have
// megabytes, and a list of a thousand jobs contains a thousand of them.
const (
	// MaxReason is the length of the longest reason of a job, event, batch, breaker or pause, and
	// of the longest text of a problem.
	MaxReason = 1 << 10
	// MaxFailure is the length of all texts of the largest failure together.
	MaxFailure = 32 << 10

	maxCategory  = 256
	maxHint      = 64
	maxRequestID = 128
	maxMessages  = 100 // messages, not bytes
)

// Shorten returns text with at most limit bytes: its beginning, its end, and between them a note of
// how many bytes were left out. Texts say at their beginning what was tried, and at their end what
// went wrong. The result is valid UTF-8, even if text is not. If a text is shortened again, its note
// counts the bytes that were left out before as well.
func Shorten(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	room := limit - len(gapNote(len(text)+bytesLeftOut(text)))
	if room <= 0 { // the limit has no room for a note
		return text[:runeBoundary(text, max(limit, 0))]
	}
	head, tail := runeBoundary(text, room-room/2), len(text)-room/2
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	cut := text[head:tail]
	return text[:head] + gapNote(len(cut)+bytesLeftOut(cut)) + text[tail:]
}

const gapBegin, gapEnd = " [… ", " bytes left out …] "

// gapNote is the note that replaces n bytes.
func gapNote(n int) string { return gapBegin + strconv.Itoa(n) + gapEnd }

// bytesLeftOut is how many bytes were left out of text earlier, by its notes, minus the bytes of the
// notes.
func bytesLeftOut(text string) (n int) {
	for part := range strings.SplitSeq(text, gapEnd) {
		begin := strings.LastIndex(part, gapBegin)
		if begin < 0 {
			continue
		}
		if count, err := strconv.Atoi(part[begin+len(gapBegin):]); err == nil && 0 < count && count < 1<<40 {
			n += max(0, count-len(gapNote(count)))
		}
	}
	return n
}

// runeBoundary is the end of the last character that is completely within the first n bytes of text.
func runeBoundary(text string, n int) int {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// Shorten returns a copy of f with at most limit bytes in all texts together, and at most 100
// messages. A limit below 4 KiB counts as 4 KiB. Long texts are shortened, to equal lengths; short
// ones are kept. A nil f stays nil.
func (f *Failure) Shorten(limit int) *Failure {
	if f == nil {
		return nil
	}
	short := *f
	// An encoded message has some bytes more for each field and for each element of a list.
	room := max(limit, 4<<10) - maxCategory - maxHint - maxRequestID - 256
	short.Category = Shorten(f.Category, maxCategory)
	short.Hint = RetryHint(Shorten(string(f.Hint), maxHint))
	short.RequestID = Shorten(f.RequestID, maxRequestID)
	texts := append([]string{f.Text}, firstAndLast(f.Messages)...)
	shortenTogether(texts, room-8*len(texts))
	short.Text, short.Messages = texts[0], texts[1:]
	if len(short.Messages) == 0 {
		short.Messages = nil
	}
	return &short
}

// firstAndLast returns the messages or, if there are too many, the first and the last ones with a
// note between them of how many were left out.
func firstAndLast(messages []string) []string {
	if len(messages) <= maxMessages {
		return messages
	}
	const first = maxMessages / 2
	const last = maxMessages - first - 1
	note := fmt.Sprintf("[… %d messages left out …]", len(messages)-first-last)
	return slices.Concat(messages[:first], []string{note}, messages[len(messages)-last:])
}

// shortenTogether shortens texts to room bytes in all. A text shorter than an equal share leaves the
// rest of its share to the others.
func shortenTogether(texts []string, room int) {
	lengths := make([]int, len(texts))
	for i, text := range texts {
		texts[i] = strings.ToValidUTF8(text, "\uFFFD")
		lengths[i] = len(texts[i])
	}
	slices.Sort(lengths)
	most := room
	for i, n := range lengths {
		most = room / (len(lengths) - i)
		if n > most {
			break
		}
		room -= n
	}
	for i, text := range texts {
		texts[i] = Shorten(text, most)
	}
}
