package sqlite

import (
	"bytes"
	"strings"

	"github.com/stokerd/stoker/job"
)

// jobsPerText is how many jobs have their texts in one row of job_texts, at most. One row for many jobs
// costs an insert next to nothing, and is read as fast as memory is searched.
const jobsPerText = 256

// The texts of a row are those of its jobs, one after the other. Each begins with jobMark, and before
// each field of a job there is a fieldMark. Neither occurs in what is searched for.
const jobMark, fieldMark = '\n', '\t'

// searchTexts makes the texts of a row. The zero value has none.
type searchTexts struct {
	text   []byte
	fields [4]string // of the job that is added
}

func (s *searchTexts) reset() { s.text = s.text[:0] }

// String returns the texts of the jobs that were added since the last reset.
func (s *searchTexts) String() string { return string(s.text) }

// add adds the texts of a job: key, name, input path and output path, in lower case. A text that is part
// of another one is left out: who looks for it finds the other.
func (s *searchTexts) add(j *job.Spec) {
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
func (s *searchTexts) isPart(i int, field string) bool {
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

// textRow is a row of job_texts.
type textRow struct {
	position job.JobPosition // of its first job
	texts    []byte
}

// jobCount is how many jobs the row has.
func (r textRow) jobCount() int64 { return int64(bytes.Count(r.texts, []byte{jobMark})) }

// find returns the numbers of the jobs of the row that have a searchable text, ascending.
func (r textRow) find(text []byte) []int64 {
	var numbers []int64
	rest, number := r.texts, r.position.Number-1
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
