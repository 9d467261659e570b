package store

import "sync"

// blockSum is how many ready jobs a batch has in the blocks before one.
type blockSum struct{ block, ready int64 }

// maxBlockSums is of how many batches a sum is kept.
const maxBlockSums = 64

// blockSums keeps the sum that was asked for last of each batch, until a commit changes the blocks of the
// batch. It keeps nothing on a table on which other processes work: their commits are not known in time.
type blockSums struct {
	off     bool // keep nothing
	mu      sync.Mutex
	version int64 // raised by each such commit
	sums    map[int64]blockSum
}

// get returns a sum of a batch, which may be that before its first block. The version is for
// [blockSums.put].
func (s *blockSums) get(batchSeq int64) (sum blockSum, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sums[batchSeq], s.version
}

// put keeps a sum that was read after the call of get that returned version, unless blocks have changed
// since.
func (s *blockSums) put(batchSeq int64, sum blockSum, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off || s.version != version {
		return
	}
	if s.sums == nil || len(s.sums) >= maxBlockSums {
		s.sums = map[int64]blockSum{}
	}
	s.sums[batchSeq] = sum
}

// drop forgets the sums of batches whose blocks have changed.
func (s *blockSums) drop(batchSeqs map[int64]bool) {
	if len(batchSeqs) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	for seq := range batchSeqs {
		delete(s.sums, seq)
	}
}
