package store

import "hash/maphash"

// AddOutputHash has the index take an output path for that of a job.
func (s *Store) AddOutputHash(batchSeq int64, path string, number int64) {
	o := s.writer.outputs
	b := o.take(batchSeq)
	b.add([]output{makeOutput(maphash.String(o.seed, path), number)}, 1)
	o.giveBack(map[int64]*batchOutputs{batchSeq: b})
}
