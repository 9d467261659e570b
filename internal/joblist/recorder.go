package joblist

import (
	"bytes"
	"io"
)

// recorder keeps the bytes of the CSV record that is being read. They tell whether a field is in
// quotes; the CSV reader does not.
type recorder struct {
	in     io.Reader
	text   []byte // the bytes of the list from offset on, as far as they were read
	offset int64  // of text in the list
	line   int    // how many lines the list has before text
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.text = append(r.text, p[:n]...)
	return n, err
}

// advance drops the bytes before an offset in the list.
func (r *recorder) advance(offset int64) {
	n := int(offset - r.offset)
	r.line += bytes.Count(r.text[:n], []byte{'\n'})
	r.text, r.offset = append(r.text[:0], r.text[n:]...), offset
}

// at returns the byte at a line and column of the list, both from 1; 0 if the column is past the
// end of the text.
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
