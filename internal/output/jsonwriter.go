package output

import (
	"bytes"
	"io"
)

// newJSONWriter makes a writer of one array, or of lines, for an expression if there is one.
func (l Listing[T]) newJSONWriter(w io.Writer, array bool, expression string) (Writer[T], error) {
	to := &jsonWriter[T]{out: newBuffer(w), line: l.line, array: array}
	if expression == "" {
		return to, nil
	}
	var err error
	to.query, err = newQuery(expression)
	return to, err
}

// jsonWriter writes messages as the elements of one array, a line each, or as lines. An expression gets
// each line, or the whole array, which is then kept until the end.
type jsonWriter[T any] struct {
	out   buffer
	line  func(T) ([]byte, error)
	array bool
	query *query // nil: none
	kept  bytes.Buffer
	began bool
}

func (j *jsonWriter[T]) Add(m T) error {
	line, err := j.line(m)
	if err != nil {
		return err
	}
	switch {
	case j.array:
		return j.element(line)
	case j.query != nil:
		return j.query.run(j.out, line)
	}
	j.out.writeBytes(append(line, '\n'))
	return j.out.problem()
}

// element writes or keeps the next element of the array.
func (j *jsonWriter[T]) element(line []byte) error {
	opening := ",\n"
	if !j.began {
		opening, j.began = "[\n", true
	}
	to := io.Writer(j.out)
	if j.query != nil {
		to = &j.kept
	}
	_, err := to.Write(append([]byte(opening), line...))
	return err
}

func (j *jsonWriter[T]) End() error {
	if j.array {
		closing := "\n]\n"
		if !j.began {
			closing = "[]\n"
		}
		j.kept.WriteString(closing)
		if j.query != nil {
			if err := j.query.run(j.out, j.kept.Bytes()); err != nil {
				return err
			}
		} else {
			j.out.writeBytes(j.kept.Bytes())
		}
	}
	return j.out.flush()
}
