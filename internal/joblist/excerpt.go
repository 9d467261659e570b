package joblist

import (
	"io"

	"github.com/stokerd/stoker/job"
)

// ReadLines returns the texts of some lines of a list, by their numbers, to be shown beside the mistakes in
// them. Each has at most limit bytes. Characters that cannot be seen are blanks. The error comes from r.
func ReadLines(r io.Reader, charset Charset, numbers map[int]bool, limit int) (map[int]string, error) {
	var t text
	in, problem, err := t.open(r, charset)
	if err != nil || problem != "" {
		return nil, err
	}
	texts := make(map[int]string, len(numbers))
	for l := newLines(in); len(texts) < len(numbers); {
		line, ok := l.next()
		if !ok {
			break
		}
		if numbers[l.n] {
			texts[l.n] = job.Shorten(withoutHidden(line), limit)
		}
	}
	return texts, nil
}
