package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// How much is kept of texts that the platform, or something on the way to it, has
// chosen. They can be as long as an answer, which is megabytes; whoever lists a
// thousand jobs gets a thousand of them. All in bytes.
const (
	// MaxReason is how long the reason of a job, an event, a batch, a breaker or a pause
	// is, and the text of a problem.
	MaxReason = 1 << 10
	// MaxFailure is how large a failure is in all.
	MaxFailure = 32 << 10

	maxCategory  = 256
	maxHint      = 64
	maxRequestID = 128
	maxMessages  = 100 // how many of them
)

// Shorten returns text with at most limit bytes: its beginning and its end, which is
// where texts say what was tried and what went wrong, and between them how many bytes
// were left out. What it returns is valid UTF-8, also of a text that fits and is not.
// To shorten once more adds up what was left out.
func Shorten(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	room := limit - len(gapNote(len(text)+bytesLeftOut(text)))
	if room <= 0 { // a limit for names, not for texts
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

// gapNote stands where n bytes were.
func gapNote(n int) string { return gapBegin + strconv.Itoa(n) + gapEnd }

// bytesLeftOut is how many bytes were left out of text before, its gaps set off against them.
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

// runeBoundary is the end of the last character that ends within the first n bytes of text.
func runeBoundary(text string, n int) int {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// Shorten returns f with at most limit bytes of text in all, [MaxFailure] for what is kept
// and never less than 4 KiB, and at most 100 messages. The kinds of text share the room,
// and what one does not need is left to the others. A nil f stays nil, and f itself is not
// changed.
func (f *Failure) Shorten(limit int) *Failure {
	if f == nil {
		return nil
	}
	short := *f
	// A message on the wire takes some bytes for each field, and more for each of a list.
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

// firstAndLast are the first and the last messages, if there are too many, and between them one
// that tells how many there were.
func firstAndLast(messages []string) []string {
	if len(messages) <= maxMessages {
		return messages
	}
	const first = maxMessages / 2
	const last = maxMessages - first - 1
	note := fmt.Sprintf("[… %d messages left out …]", len(messages)-first-last)
	return slices.Concat(messages[:first], []string{note}, messages[len(messages)-last:])
}

// shortenTogether shortens texts to room bytes in all. Those that need less than an equal share leave
// the rest of it to the others.
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
