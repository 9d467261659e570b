package logdedup

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode"
)

// key identifies equal lines.
type key [sha256.Size]byte

// failureAttr is the attribute with the text of a failure.
const failureAttr = "err"

// objectAttrs are the attributes with the object that failed.
var objectAttrs = []string{"job", "encoding", "batch", "subject", "name"}

// callAttrs are the attributes that differ with each call.
var callAttrs = []string{"call_id", "request_id"}

// keyOf returns the key of a line.
func keyOf(level slog.Level, message string, attrs []slog.Attr) key {
	k := keyer{hash: sha256.New(), failed: slices.ContainsFunc(attrs, isFailure)}
	k.put(level.String())
	k.put(pattern(message)) // the messages of libraries may contain numbers and ids
	k.attrs(attrs)
	return key(k.hash.Sum(nil))
}

// isFailure reports whether a is the text of a failure, or a group that contains one.
func isFailure(a slog.Attr) bool {
	if a.Value.Kind() == slog.KindGroup {
		return slices.ContainsFunc(a.Value.Group(), isFailure)
	}
	return a.Key == failureAttr
}

// keyer computes a key.
type keyer struct {
	hash   hash.Hash
	failed bool // the line is about a failure
}

// put adds a text with its length before it, which keeps neighbouring texts apart.
func (k keyer) put(text string) {
	_, _ = fmt.Fprintf(k.hash, "%d ", len(text)) // a hash never fails
	_, _ = io.WriteString(k.hash, text)
}

func (k keyer) attrs(attrs []slog.Attr) {
	for _, a := range attrs {
		k.attr(a)
	}
	k.put("end")
}

func (k keyer) attr(a slog.Attr) {
	k.put(a.Key)
	switch kind := a.Value.Kind(); kind {
	case slog.KindGroup:
		k.attrs(a.Value.Group())
	case slog.KindTime, slog.KindDuration:
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if !k.failed {
			k.put(a.Value.String())
		}
	default:
		k.text(a.Key, plainText(a.Value))
	}
}

// text adds the text of the attribute name, without what differs with each occurrence.
func (k keyer) text(name, text string) {
	switch {
	case slices.Contains(callAttrs, name), k.failed && slices.Contains(objectAttrs, name):
	case name == failureAttr:
		k.put(pattern(text))
	default:
		k.put(text)
	}
}

// pattern returns a text without what differs with each occurrence: the request id, and words
// that look like an id, a port or an amount. Numbers of three or four digits stay, because they
// may be statuses or codes, which distinguish failures.
func pattern(text string) string {
	if begin := strings.LastIndex(text, "(request "); begin >= 0 {
		end := strings.IndexByte(text[begin:], ')')
		if end < 0 {
			end = len(text) - begin - 1
		}
		text = text[:begin] + text[begin+end+1:]
	}
	var b strings.Builder
	masked, numbered := false, false // whether the last word was masked, and whether a slash after a masked word was last
	for len(text) > 0 {
		n := strings.IndexFunc(text, func(r rune) bool { return !inWord(r) })
		switch {
		case n < 0:
			n = len(text)
		case n == 0:
			n = 1
		}
		word := text[:n]
		numbered, masked = masked && word == "/", isVariable(word) || numbered && isNumber(word)
		if masked {
			b.WriteByte('#')
		} else {
			b.WriteString(word)
		}
		text = text[n:]
	}
	return b.String()
}

// isNumber reports whether a word is a number. After an id and a slash, as in a job id, it is
// part of the id.
func isNumber(word string) bool {
	return strings.IndexFunc(word, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

func inWord(r rune) bool { return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// isVariable reports whether a word looks like an id, a port or an amount.
func isVariable(word string) bool {
	digits := 0
	for _, r := range word {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	switch {
	case digits == 0:
		return false
	case digits == len(word): // a number
		return digits < 3 || digits > 4
	case len(word) >= 8: // an id
		return true
	}
	return word[0] >= '0' && word[0] <= '9' // 12ms
}
