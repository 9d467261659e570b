package joblist

import (
	"bytes"
	"io"
)

// recorder keeps the bytes of the record that is being read. The CSV reader does not say whether
// a field was in quotes; the bytes do.
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

// advance drops the bytes before an offset.
func (r *recorder) advance(offset int64) {
	n := int(offset - r.offset)
	r.line += bytes.Count(r.text[:n], []byte{'\n'})
	r.text, r.offset = append(r.text[:0], r.text[n:]...), offset
}

// at returns the byte at a line and column, both from 1; 0 if there is none.
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
