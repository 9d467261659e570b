package joblist

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/stokerd/stoker/internal/spelling"
)

// Format is how a list is written.
type Format string

// The formats of a list.
const (
	Auto        Format = ""             // JSON if the list begins with { or [, else CSV
	CSV         Format = "csv"          // a header, and values separated by comma, semicolon or tab
	JSONL       Format = "jsonl"        // JSON objects: one per line, one after the other, or in an array
	Paths       Format = "paths"        // one input path per line
	S3Inventory Format = "s3-inventory" // CSV of an S3 inventory: bucket and URL-encoded key, without header
	S3Listing   Format = "s3-ls"        // the output of aws s3 ls --recursive
)

// Formats lists the names of the formats.
func Formats() []string {
	return []string{string(CSV), string(JSONL), string(Paths), string(S3Inventory), string(S3Listing)}
}

// ParseFormat reads the name of a format. The empty name is [Auto]. The error begins with the name.
func ParseFormat(s string) (Format, error) {
	if s == "" {
		return Auto, nil
	}
	for _, name := range Formats() {
		if strings.EqualFold(s, name) {
			return Format(name), nil
		}
	}
	return Auto, errors.New(s + ": want " + strings.Join(Formats(), ", ") + spelling.Hint(s, Formats()))
}

// maxHead is how many bytes of a list are looked at to tell how it is written. The header has to be in
// them.
const maxHead = 64 << 10

// head is the beginning of a list: at most maxHead bytes.
func head(in *bufio.Reader) ([]byte, error) {
	start, err := in.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	return start, nil
}

// detectFormat tells JSON from CSV by the first character that is neither white space nor in a comment.
func detectFormat(in *bufio.Reader) (Format, error) {
	start, err := head(in)
	if err != nil {
		return Auto, err
	}
	for line := range bytes.Lines(start) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte(byteOrderMark)))
		switch {
		case len(line) == 0, isComment(string(line)):
		case line[0] == '{', line[0] == '[':
			return JSONL, nil
		default:
			return CSV, nil
		}
	}
	return CSV, nil
}

// isComment reports whether a line begins like a comment.
func isComment(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//")
}
