package store

import (
	"bytes"
	"iter"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
)

// JobsPerText is how many jobs have their texts in one [TextRow], at most. One row for many jobs
// costs an insert next to nothing, and is read as fast as memory is searched.
const JobsPerText = 256

// The texts of a row are those of its jobs, one after the other. Each begins with jobMark, and before
// each field of a job there is a fieldMark. Neither occurs in what is searched for.
const jobMark, fieldMark = '\n', '\t'

// NewTextRows makes the rows of texts of jobs that have the numbers after last. A row is valid until the next
// one is made.
func NewTextRows(last int64, jobs []job.Spec) iter.Seq[TextRow] {
	return func(yield func(TextRow) bool) {
		first := last + 1
		var texts jobTexts
		for chunk := range slices.Chunk(jobs, JobsPerText) {
			texts.text = texts.text[:0]
			for i := range chunk {
				texts.add(&chunk[i])
			}
			if !yield(TextRow{FirstNumber: first, Texts: texts.text}) {
				return
			}
			first += int64(len(chunk))
		}
	}
}

// jobTexts makes the texts of a row. The zero value has none.
type jobTexts struct {
	text   []byte
	fields [4]string // of the job that is added
}

// add adds the texts of a job: key, name, input path and output path, in lower case. A text that is part
// of another one is left out: who looks for it finds the other.
func (s *jobTexts) add(j *job.Spec) {
	s.text = append(s.text, jobMark)
	s.fields = [...]string{j.InputPath, j.OutputPath, j.Name, j.Key}
	for i, field := range s.fields {
		if field == "" || s.isPart(i, field) {
			continue
		}
		s.text = append(s.text, fieldMark)
		s.text = appendSearchable(s.text, field)
	}
}

// isPart reports whether the i-th field is part of another one, or equal to one before it.
func (s *jobTexts) isPart(i int, field string) bool {
	for k, other := range s.fields {
		if k != i && (len(other) > len(field) || k < i && len(other) == len(field)) && strings.Contains(other, field) {
			return true
		}
	}
	return false
}

// appendSearchable appends a text in lower case, with blanks for the marks.
func appendSearchable(to []byte, text string) []byte {
	begin := len(to)
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 0x80:
			return append(to[:begin], searchable(text)...)
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == jobMark || c == fieldMark:
			c = ' '
		}
		to = append(to, c)
	}
	return to
}

// searchable is a text as it is searched and searched for.
func searchable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == jobMark || r == fieldMark {
			return ' '
		}
		return r
	}, strings.ToLower(text))
}

// TextRow has what jobs are searched by: those of a batch from FirstNumber on, at most [JobsPerText] that
// were inserted together.
type TextRow struct {
	BatchSeq, FirstNumber int64
	Texts                 []byte
}

// jobCount is how many jobs the row has.
func (r TextRow) jobCount() int64 { return int64(bytes.Count(r.Texts, []byte{jobMark})) }

// find returns the numbers of the jobs of the row that have a searchable text, ascending.
func (r TextRow) find(text []byte) []int64 {
	var numbers []int64
	rest, number := r.Texts, r.FirstNumber-1
	for {
		at := bytes.Index(rest, text)
		if at < 0 {
			return numbers
		}
		number += int64(bytes.Count(rest[:at], []byte{jobMark}))
		numbers = append(numbers, number)
		next := bytes.IndexByte(rest[at:], jobMark)
		if next < 0 {
			return numbers
		}
		rest = rest[at+next:]
	}
}
