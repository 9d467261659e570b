// Package digest hashes submissions. By the digest, the server recognises a repeated request, and
// the command finds the batch of an interrupted upload.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Of returns the SHA-256 of all fields of req but request_id. Equal requests have equal digests
// within one build. Protobuf does not promise equal bytes in other builds, but has kept them so
// far. An error means that req cannot be encoded, for example because a text is not UTF-8.
//
// Of changes req during the call and restores it, so that nothing else may use req meanwhile. It
// encodes one job at a time to save memory.
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
		// The lengths are hashed too: the same bytes, split otherwise, are another request.
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
