package server

import (
	"hash/maphash"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// outputPathSet has the output paths of the jobs of one request. It finds paths that are equal, or
// equal but for upper and lower case. To save memory, it keeps the hash of each path, and a path
// itself only if an earlier path has the same hash.
type outputPathSet struct {
	seed   maphash.Seed
	buffer []byte         // the path that is hashed, in lower case
	first  map[uint64]int // the index of the first job with each hash
	others map[string]int // by path, the indexes of jobs that are not the first with their hash
}

func newOutputPathSet(jobs int) *outputPathSet {
	return &outputPathSet{seed: maphash.MakeSeed(), first: make(map[uint64]int, jobs), others: map[string]int{}}
}

// insert adds the path of the job with index i. It returns the index of an earlier job with the
// same path, and of one whose path differs in case only; -1 if there is none.
func (o *outputPathSet) insert(jobs []*stokerv1.JobSpec, i int) (same, similar int) {
	path := job.CleanOutputPath(jobs[i].GetOutputPath())
	hash := o.hash(path)
	first, found := o.first[hash]
	if !found {
		o.first[hash] = i
		return -1, -1
	}
	other := job.CleanOutputPath(jobs[first].GetOutputPath())
	if other == path {
		return first, -1
	}
	if same, found := o.others[path]; found {
		return same, -1
	}
	o.others[path] = i
	if strings.EqualFold(other, path) {
		return -1, first
	}
	return -1, -1
}

// hash is the hash of a path in lower case, so that paths that differ in case only have the same hash.
func (o *outputPathSet) hash(path string) uint64 {
	o.buffer = o.buffer[:0]
	for i := range len(path) {
		c := path[i]
		if c >= 0x80 {
			o.buffer = append(o.buffer[:0], strings.ToLower(path)...)
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		o.buffer = append(o.buffer, c)
	}
	return maphash.Bytes(o.seed, o.buffer)
}
