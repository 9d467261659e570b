package joblist

import (
	"errors"
	"fmt"
	"io"
)

// objectScanner finds the objects in a text of JSON: one in each line, one after the other, or in an
// array, with or without commas. It keeps one object in memory. Comments may stand between objects and
// at the beginning of a line. After a mistake it goes on with the next line.
type objectScanner struct {
	in     io.Reader
	buffer [maxHead]byte
	chunk  []byte // of the buffer, what was read and not looked at yet
	err    error  // the error of in, once chunk is empty

	line      int  // the number of the line that is being read
	lineStart bool // only white space was read of it
	comment   bool // the rest of the line is skipped
	slash     bool // the first of two slashes was read outside of an object
	comments  int

	arrays []int // the lines on which the arrays begin that are open
	junked bool  // something else than objects was found, so that the ends of arrays may have been skipped

	object  []byte // the object that is being read; empty outside of objects
	start   int    // the line on which it begins
	open    []byte // the brackets that are open in it
	last    byte   // its last byte that is not white space
	text    bool   // a text is being read
	escape  bool   // the byte before was a backslash in a text
	members int    // how many colons it has on its first level
}

// maxArrays is how deep arrays around objects may be nested.
const maxArrays = 100

// jsonObject is one object of a text, in the order of the text.
type jsonObject struct {
	line    int // on which it begins
	text    []byte
	members int // how many fields it has
}

// jsonError is something that is no object.
type jsonError struct {
	line   int
	text   string
	object []byte // the beginning of an object that is not complete
}

func (p *jsonError) Error() string { return p.text }

// next returns the next object, which is valid until the next call. The error is a [jsonError], the
// error of the text, or [io.EOF] at its end.
func (s *objectScanner) next() (jsonObject, error) {
	if len(s.open) == 0 {
		s.object = s.object[:0]
	}
	for {
		if len(s.chunk) == 0 {
			if err := s.fill(); err != nil {
				return jsonObject{}, err
			}
			continue
		}
		if s.text && !s.escape && s.readText() {
			continue
		}
		c := s.chunk[0]
		s.chunk = s.chunk[1:]
		done, problem := s.read(c)
		if problem != nil {
			return jsonObject{}, problem
		}
		if done {
			return jsonObject{line: s.start, text: s.object, members: s.members}, nil
		}
	}
}

// readText reads what a text has up to its end, an escape or the end of the line, and reports whether
// that is anything.
func (s *objectScanner) readText() bool {
	n := 0
	for n < len(s.chunk) && s.chunk[n] != '"' && s.chunk[n] != '\\' && s.chunk[n] != '\n' {
		n++
	}
	if n == 0 || len(s.object) > maxLine { // inside reports the latter
		return false
	}
	s.object, s.chunk = append(s.object, s.chunk[:n]...), s.chunk[n:]
	return true
}

// fill reads more of the text. At its end it reports what is not complete.
func (s *objectScanner) fill() error {
	if s.err == nil {
		var n int
		n, s.err = s.in.Read(s.buffer[:])
		s.chunk = s.buffer[:n]
		return nil
	}
	if !errors.Is(s.err, io.EOF) {
		return s.err
	}
	if len(s.open) > 0 {
		return s.drop(s.start, "the object that begins here has no } at its end: is the list complete?")
	}
	if len(s.arrays) > 0 {
		line := s.arrays[0]
		s.arrays = nil
		return &jsonError{line: line, text: "the array that begins here has no ] at its end: is the list complete?"}
	}
	return io.EOF
}

// read looks at one byte. It reports whether an object is complete.
func (s *objectScanner) read(c byte) (done bool, problem error) {
	switch {
	case c == '\n':
		return false, s.newLine()
	case s.comment:
		return false, nil
	case len(s.open) == 0:
		return false, s.outside(c)
	}
	return s.inside(c)
}

// newLine notes the end of a line.
func (s *objectScanner) newLine() error {
	line := s.line
	s.line++
	s.lineStart, s.comment, s.slash = true, false, false
	if s.text {
		return s.drop(line, "a text has no quote at its end")
	}
	if len(s.open) > 0 {
		s.object = append(s.object, '\n')
	}
	return nil
}

// outside looks at a byte between two objects.
func (s *objectScanner) outside(c byte) error {
	if s.slash && c != '/' {
		return s.junk("want one JSON object for each job")
	}
	switch c {
	case ' ', '\t', '\r', ',', 0xef, 0xbb, 0xbf: // these three are a byte order mark
		return nil
	case '#':
		s.comment = true
		s.comments++
	case '/':
		if s.slash {
			s.comment = true
			s.comments++
		}
		s.slash = !s.slash
	case '[':
		if len(s.arrays) == maxArrays {
			return s.junk("want one JSON object for each job, in one array at most")
		}
		s.arrays = append(s.arrays, s.line)
	case ']':
		if len(s.arrays) > 0 {
			s.arrays = s.arrays[:len(s.arrays)-1]
		} else if !s.junked {
			return s.junk("want one JSON object for each job; this ] has no [ before it")
		}
	case '{':
		s.begin()
	case '"':
		return s.junk("want one JSON object for each job, such as {\"input_path\": \"films/a.mov\"}; a list of texts can become one of paths, with jq -r '.[]' and --list-format paths")
	default:
		return s.junk("want one JSON object for each job")
	}
	s.lineStart = false
	return nil
}

// junk skips the rest of a line with something that is no object.
func (s *objectScanner) junk(text string) error {
	s.comment, s.slash, s.junked, s.arrays = true, false, true, nil
	return &jsonError{line: s.line, text: text}
}

// begin begins an object.
func (s *objectScanner) begin() {
	s.object = append(s.object[:0], '{')
	s.open = append(s.open[:0], '{')
	s.start, s.last, s.members, s.lineStart = s.line, '{', 0, false
}

// drop drops the object that is being read.
func (s *objectScanner) drop(line int, text string) error {
	s.open, s.text, s.escape = s.open[:0], false, false
	return &jsonError{line: line, text: text, object: s.object}
}

// inside looks at a byte of an object. It reports whether the object is complete.
func (s *objectScanner) inside(c byte) (done bool, problem error) {
	if s.text {
		s.object = append(s.object, c)
		switch {
		case s.escape:
			s.escape = false
		case c == '\\':
			s.escape = true
		case c == '"':
			s.text, s.last = false, c
		}
		return false, s.tooLong()
	}
	top := s.open[len(s.open)-1]
	switch {
	case c == ' ' || c == '\t' || c == '\r':
		s.object = append(s.object, c)
		return false, s.tooLong()
	case s.lineStart && c == '#', s.lineStart && c == '/':
		s.comment = true
		s.comments++
		return false, nil
	case s.lineStart && c == '{' && top == '{' && s.last != ':':
		problem = s.drop(s.start, "the object that begins here has no } at its end")
		s.begin()
		return false, problem
	}
	s.lineStart, s.last = false, c
	s.object = append(s.object, c)
	switch c {
	case '"':
		s.text = true
	case '{', '[':
		s.open = append(s.open, c)
	case '}', ']':
		s.open = s.open[:len(s.open)-1] // json.Unmarshal finds brackets of different kinds
	case ':':
		if len(s.open) == 1 {
			s.members++
		}
	}
	return len(s.open) == 0, s.tooLong()
}

// tooLong stops reading at an object that is longer than any job.
func (s *objectScanner) tooLong() error {
	if len(s.object) <= maxLine {
		return nil
	}
	s.chunk, s.err, s.arrays = nil, io.EOF, nil
	return s.drop(s.start, fmt.Sprintf("the object that begins here is longer than %d bytes; reading stopped here", maxLine))
}
