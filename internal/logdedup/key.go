package logdedup

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"unicode"
)

// key is what equal lines have in common.
type key [sha256.Size]byte

// failures are the attributes that tell what failed.
var failures = []string{"err", "grpc.error"}

// occurrences are the attributes that tell what a failure met.
var occurrences = []string{"job", "encoding", "batch", "subject", "name"}

// calls are the attributes of a call that no other call has.
var calls = []string{"grpc.start_time", "grpc.request.deadline", "grpc.duration"}

// keyOf is the key of a line.
func keyOf(level slog.Level, message string, attrs []slog.Attr) key {
	k := keyer{hash: sha256.New(), failed: slices.ContainsFunc(attrs, isFailure)}
	k.put(level.String())
	k.put(pattern(message)) // constant, except for those of other people's loggers
	k.attrs(attrs)
	return key(k.hash.Sum(nil))
}

// isFailure reports whether a tells what failed, or has in it what does.
func isFailure(a slog.Attr) bool {
	if a.Value.Kind() == slog.KindGroup {
		return slices.ContainsFunc(a.Value.Group(), isFailure)
	}
	return slices.Contains(failures, a.Key)
}

// keyer puts together what equal lines have in common.
type keyer struct {
	hash   hash.Hash
	failed bool // it is a line about a failure
}

// put adds a text. Its length goes before it, so that no two texts are taken for one.
func (k keyer) put(text string) {
	_, _ = fmt.Fprintf(k.hash, "%d ", len(text)) // a hash takes everything
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
		k.text(a.Key, plain(a.Value))
	}
}

// text adds the text of an attribute, without what differs on each occurrence.
func (k keyer) text(name, text string) {
	switch {
	case slices.Contains(calls, name), k.failed && slices.Contains(occurrences, name):
	case name == "peer.address":
		if host, _, err := net.SplitHostPort(text); err == nil {
			text = host
		}
		k.put(text)
	case slices.Contains(failures, name):
		k.put(pattern(text))
	default:
		k.put(text)
	}
}

// pattern is the text of a failure without what is of one occurrence only: the id of its
// request, and words that look like an id, a port or an amount. A number of three or
// four digits, as statuses and codes are, tells failures apart.
func pattern(text string) string {
	if begin := strings.LastIndex(text, "(request "); begin >= 0 {
		end := strings.IndexByte(text[begin:], ')')
		if end < 0 {
			end = len(text) - begin - 1
		}
		text = text[:begin] + text[begin+end+1:]
	}
	var b strings.Builder
	masked, numbered := false, false // the word before was of one occurrence; a number of it follows
	for len(text) > 0 {
		n := strings.IndexFunc(text, func(r rune) bool { return !inWord(r) })
		switch {
		case n < 0:
			n = len(text)
		case n == 0:
			n = 1
		}
		word := text[:n]
		numbered, masked = masked && word == "/", ofOneOccurrence(word) || numbered && isNumber(word)
		if masked {
			b.WriteByte('#')
		} else {
			b.WriteString(word)
		}
		text = text[n:]
	}
	return b.String()
}

// isNumber reports whether a word is one. After an id it is a part of that, as in a job's.
func isNumber(word string) bool {
	return strings.IndexFunc(word, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

func inWord(r rune) bool { return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// ofOneOccurrence reports whether a word looks like an id, a port or an amount.
func ofOneOccurrence(word string) bool {
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
