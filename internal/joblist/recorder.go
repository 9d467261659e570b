package joblist

import (
	"bytes"
	"errors"
	"io"
)

// maxRow is how many bytes a row of CSV may have, with the bytes that are read ahead.
const maxRow = 2 * maxLine

// errLongRow is the error of reading a row with more than maxRow bytes.
var errLongRow = errors.New("the row is too long")

// recorder keeps the bytes of the CSV record that is being read. They tell whether a field is in
// quotes; the CSV reader does not.
type recorder struct {
	in     io.Reader
	text   []byte // the bytes of the list from offset on, as far as they were read
	offset int64  // of text in the list
	line   int    // how many lines the list has before text

	rest     []byte // text from a line of the record on that at was asked for
	restLine int    // the line, from 1; 0: none was
}

// Read reads more of the list. The error is errLongRow if the record is longer than any.
func (r *recorder) Read(p []byte) (int, error) {
	if len(r.text) > maxRow {
		return 0, errLongRow
	}
	n, err := r.in.Read(p)
	r.text = append(r.text, p[:n]...)
	return n, err
}

// advance drops the bytes before an offset in the list.
func (r *recorder) advance(offset int64) {
	n := int(offset - r.offset)
	r.line += bytes.Count(r.text[:n], []byte{'\n'})
	r.text, r.offset = append(r.text[:0], r.text[n:]...), offset
	r.rest, r.restLine = nil, 0
}

// at returns the byte at a line and column of the record that was read, both from 1 and counted from the
// beginning of the list; 0 if the column is past the end of the text.
func (r *recorder) at(line, column int) byte {
	if r.restLine == 0 || line < r.restLine {
		r.rest, r.restLine = r.text, r.line+1
	}
	for ; r.restLine < line; r.restLine++ {
		_, r.rest, _ = bytes.Cut(r.rest, []byte{'\n'})
	}
	if column > len(r.rest) {
		return 0
	}
	return r.rest[column-1]
}
