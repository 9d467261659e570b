package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/internal/output"
)

// commandLine is the arguments of a process, to tell the user a similar command.
type commandLine []string

// again is the command line of this process, quoted for a shell. With resume, it ends in --resume
// unless that is in it.
func (l commandLine) again(resume bool) string {
	words := []string{"stoker"}
	for _, arg := range l {
		words = append(words, shellQuote(arg))
		resume = resume && arg != "--resume"
	}
	if resume {
		words = append(words, "--resume")
	}
	return strings.Join(words, " ")
}

// with is the command line of this process with another value of a flag, quoted for a shell.
func (l commandLine) with(flag, value string) string {
	words := []string{"stoker"}
	for i, arg := range l {
		if arg != flag && !strings.HasPrefix(arg, flag+"=") && (i == 0 || l[i-1] != flag) {
			words = append(words, shellQuote(arg))
		}
	}
	return strings.Join(append(words, flag, shellQuote(value)), " ")
}

// without is the command line of this process without a flag that has no value, quoted for a shell.
func (l commandLine) without(flag string) string {
	return slices.DeleteFunc(slices.Clone(l), func(arg string) bool { return arg == flag }).again(false)
}

// notUTF8 shows the words that are not UTF-8; empty if all are.
func (l commandLine) notUTF8() string {
	var words []string
	for _, arg := range l {
		if !utf8.ValidString(arg) {
			words = append(words, strconv.Quote(arg))
		}
	}
	return strings.Join(words, " or ")
}

// shellQuote is a word as a POSIX shell takes it, in quotes if it needs them. What is not ASCII needs them: in some
// locales a byte of it is a blank. What cannot be printed, line breaks among it, is escaped: quotes alone would let it
// be lost on the way to the terminal, and the command would name something else.
func shellQuote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%"
	switch {
	case word != "" && strings.Trim(word, plain) == "":
		return word
	case utf8.ValidString(word) && output.Printable(word) == word:
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for len(word) > 0 {
		r, n := utf8.DecodeRuneInString(word)
		switch char := word[:n]; {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\'' || r == '\\':
			b.WriteString(`\` + char)
		case r == utf8.RuneError && n == 1, output.Printable(char) != char:
			for _, octet := range []byte(char) {
				fmt.Fprintf(&b, `\%03o`, octet)
			}
		default:
			b.WriteString(char)
		}
		word = word[n:]
	}
	return b.String() + "'"
}
