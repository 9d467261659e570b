package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// What has succeeded outlives its batch, as a [Result]. A job is recognised by a hash of all that decides
// about its output. That hash must never change for the same job: a list that is run again after an upgrade
// would be paid for again.

// ResultKey recognises a job that has succeeded: it is a hash of the job's key, paths and variables, and of
// everything that its batch decides about the output.
type ResultKey [16]byte

// Result says that a job of a batch that is gone has succeeded.
type Result struct {
	Key        ResultKey
	AccountID  string
	EncodingID string
	Time       time.Time // of the success
}

// resultKeys returns the function that makes the [ResultKey] of a job of b.
func resultKeys(b job.Batch) func(job.Spec) ResultKey {
	batch := sha256.Sum256(canonical([]byte(encodeKey(b))))
	var text []byte
	return func(j job.Spec) ResultKey {
		text = append(text[:0], batch[:]...)
		for _, part := range [...]string{j.Key, j.InputPath, j.OutputPath} {
			text = binary.AppendUvarint(text, uint64(len(part)))
			text = append(text, part...)
		}
		if len(j.Variables) > 0 {
			variables, err := json.Marshal(j.Variables) // by name
			if err != nil {                             // texts always have a JSON form
				panic(fmt.Sprintf("store: encode the variables of a job: %v", err))
			}
			text = append(text, variables...)
		}
		sum := sha256.Sum256(text)
		return ResultKey(sum[:len(ResultKey{})])
	}
}

// canonical puts the fields of JSON into an order that does not depend on that of a Go type.
func canonical(text []byte) []byte {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	if err == nil {
		text, err = json.Marshal(value)
	}
	if err != nil { // it was JSON
		panic(fmt.Sprintf("store: bring JSON into order: %v", err))
	}
	return text
}
