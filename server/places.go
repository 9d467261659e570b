package server

import (
	"hash/maphash"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// places are the output paths of the jobs of one message, by a hash that does not tell
// upper from lower case.
type places struct {
	seed  maphash.Seed
	lower []byte // room for one of them
	first map[uint64]int
	more  map[string]int // those that share their hash with another one before
}

func newPlaces(jobs int) *places {
	return &places{seed: maphash.MakeSeed(), first: make(map[uint64]int, jobs), more: map[string]int{}}
}

// hash is the same for paths that differ in case only.
func (p *places) hash(path string) uint64 {
	p.lower = p.lower[:0]
	for i := range len(path) {
		c := path[i]
		if c >= 0x80 {
			p.lower = append(p.lower[:0], strings.ToLower(path)...)
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		p.lower = append(p.lower, c)
	}
	return maphash.Bytes(p.seed, p.lower)
}

// place checks whether another job writes to where a job does.
func (c *checks) place(p *places, jobs []*stokerv1.JobSpec, i int) {
	const field = "output_path"
	path := outputPath(jobs[i])
	hash := p.hash(path)
	first, alike := p.first[hash]
	if !alike {
		p.first[hash] = i
		return
	}
	other := outputPath(jobs[first])
	same, taken := p.more[path]
	if other == path {
		same, taken = first, true
	}
	switch {
	case taken:
		c.add(jobField(i, field), "%q is written to by jobs[%d] already; one would overwrite the other", jobs[i].GetOutputPath(), same)
		return
	case strings.EqualFold(other, path):
		c.warn(jobField(i, field), "%q and %q, to which another job writes, differ in case only: not everybody tells them apart", path, other)
	}
	p.more[path] = i
}
