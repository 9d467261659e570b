package server

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Digest tells submissions apart by their content: all of req but its request_id. The
// encoding it is made from is stable for one build, and in practice across builds.
//
// Nobody else may use req meanwhile: parts of it are set aside, and put back. Job by job,
// nothing as large as all jobs is made for this.
func Digest(req *stokerv1.SubmitBatchRequest) ([]byte, error) {
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
		// Where one ends and the next begins is part of what is hashed.
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
