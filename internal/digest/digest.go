// Package digest tells submissions apart by their content. The server recognises a repeated
// request by it, and the command finds the batch of an interrupted upload.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Of returns a hash of all of req but its request_id. Equal requests have equal digests within
// one build; the encoding underneath has not changed between builds so far, but may.
//
// Nothing else may use req during the call, which changes req and restores it. The jobs are
// hashed one by one, so that the call needs little memory.
func Of(req *stokerv1.SubmitBatchRequest) ([]byte, error) {
	id, jobs := req.RequestId, req.Jobs
	req.RequestId, req.Jobs = "", nil
	defer func() { req.RequestId, req.Jobs = id, jobs }()
	hash := sha256.New()
	var text []byte
	add := func(m proto.Message) (err error) {
		text, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(text[:0], m)
		if err != nil {
			return fmt.Errorf("hash request: %w", err)
		}
		// The length before each message keeps the boundary between two of them in the hash.
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		hash.Write(size[:])
		hash.Write(text)
		return nil
	}
	if err := add(req); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if err := add(j); err != nil {
			return nil, err
		}
	}
	return hash.Sum(nil), nil
}
