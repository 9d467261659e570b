package joblist

import (
	"bytes"
	"io"
)

// recorder keeps what was read since the last record: the CSV reader does not tell whether
// a field stands in quotes.
type recorder struct {
	in     io.Reader
	text   []byte // from offset on
	offset int64
	line   int // lines before text
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.text = append(r.text, p[:n]...)
	return n, err
}

// advance forgets what stands before an offset.
func (r *recorder) advance(offset int64) {
	n := int(offset - r.offset)
	r.line += bytes.Count(r.text[:n], []byte{'\n'})
	r.text, r.offset = append(r.text[:0], r.text[n:]...), offset
}

// at is the byte in a line and column, both from 1; 0 if there is none.
func (r *recorder) at(line, column int) byte {
	text := r.text
	for range line - 1 - r.line {
		_, text, _ = bytes.Cut(text, []byte{'\n'})
	}
	if column > len(text) {
		return 0
	}
	return text[column-1]
}
