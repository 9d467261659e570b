package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Cause is what failures of a batch have in common, and how many jobs have it.
type Cause struct {
	ID      string  // a value of [Failure.Cause]
	Count   int64   // FAILED jobs with this cause
	First   ID      // one of these jobs: the first of its batch
	Key     string  // of the job First
	Failure Failure // of the job First
	// BatchSeq is the sequence number of the batch of First, and Batches how many batches the jobs are of.
	BatchSeq, Batches int64
}

// The parts of a category and of a text that distinguish causes, in characters. The end of a long text
// may be the job's own.
const (
	causeCategory = 200
	causeText     = 1000
)

// CauseOf returns the id of the cause of a failure of j: a hash of kind, codes, category and text, short
// enough for a command line. The paths and the encoding of j do not count, so that jobs that failed in
// the same way have the same cause, in every batch. Ids are stored and shown: they must not change.
func (j *Job) CauseOf(f *Failure) string {
	text := f.Text
	if len(f.Messages) > 0 {
		text += "; " + f.Messages[0]
	}
	// The input path goes first: it may contain the output path.
	for _, own := range []string{j.EncodingID, pathInTexts(j.InputPath), pathInTexts(j.OutputPath)} {
		if own != "" {
			text = strings.ReplaceAll(text, own, "…")
		}
	}
	var key bytes.Buffer
	list := json.NewEncoder(&key)
	list.SetEscapeHTML(false)
	// Numbers, strings and lists of these have a JSON form.
	_ = list.Encode([]any{f.Kind, f.Code, f.HTTPStatus, firstRunes(f.Category, causeCategory), firstRunes(text, causeText)})
	sum := sha256.Sum256(bytes.TrimSuffix(key.Bytes(), []byte("\n")))
	return hex.EncodeToString(sum[:6])
}

// pathInTexts returns a path if it can be recognised in a text. A path without a directory may be an
// ordinary word.
func pathInTexts(path string) string {
	if !strings.Contains(path, "/") {
		return ""
	}
	return path
}

// firstRunes returns the first n characters of a text.
func firstRunes(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
