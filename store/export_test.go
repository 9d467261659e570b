package store

import "hash/maphash"

// AddOutputHash has the index take an output path for that of a job.
func (s *Store) AddOutputHash(batchSeq int64, path string, number int64) {
	o := s.writer.outputs
	o.get(batchSeq).add([]output{makeOutput(maphash.String(o.seed, path), number)}, 1)
}
