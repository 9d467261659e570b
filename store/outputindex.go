package store

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/stokerd/stoker/job"
)

// No two jobs of a batch have one output path. Jobs of one request are compared with each other,
// and jobs that are added later with those of the batch. A database index on the paths would cost
// every submission an eighth of its time, and jobs are added to hardly any batch. So the paths of
// batches that are open are kept in memory, as hashes: from the submission on, or read from the
// table when they are needed. A unit of work takes those of a batch out of the index, and gives them back after its
// commit. So the index has nothing of a transaction that was rolled back.

// maxOutputs is how many paths of all batches are kept, 8 bytes each. Those of the batch that
// jobs are being added to are kept in any case.
const maxOutputs = 4_000_000

// outputIndex holds the output paths of batches that jobs are added to.
type outputIndex struct {
	seed maphash.Seed
	mu   sync.Mutex
	of   map[int64]*batchOutputs // nil: a unit of work has them
}

// batchOutputs are the paths of the jobs of a batch up to a number, and of the jobs that it
// has skipped.
type batchOutputs struct {
	last    int64    // the number
	list    []output // by hash
	skipped int64    // how many jobs the batch had skipped when list got the paths of those; -1: it has none of them
}

// output is the path of a job. Its upper 40 bits are those of the path's hash, enough for a million
// paths with hardly any two alike. Its lower 24 bits are the job's number, 0 if it was skipped.
type output uint64

// maxOutputNumber stands for itself and all greater numbers.
const maxOutputNumber = 1<<24 - 1

func makeOutput(hash uint64, number int64) output {
	return output(hash&^maxOutputNumber | uint64(min(number, maxOutputNumber)))
}

// hash is the output without its number.
func (o output) hash() output { return o &^ maxOutputNumber }

func (o output) number() int64 { return int64(o & maxOutputNumber) }

func newOutputIndex() *outputIndex {
	return &outputIndex{seed: maphash.MakeSeed(), of: map[int64]*batchOutputs{}}
}

// has reports whether the paths of a batch are kept, or in use.
func (o *outputIndex) has(seq int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.of[seq]
	return ok
}

// keep keeps the paths of a batch, unless they are kept already or in use.
func (o *outputIndex) keep(seq int64, b *batchOutputs) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.of[seq]; !ok {
		o.put(seq, b)
	}
}

// put keeps the paths of a batch, and makes room for them.
func (o *outputIndex) put(seq int64, b *batchOutputs) {
	o.of[seq] = b
	total := 0
	for _, other := range o.of {
		total += other.size()
	}
	for other, b := range o.of {
		if total <= maxOutputs {
			break
		}
		if other != seq && b != nil {
			total -= b.size()
			delete(o.of, other)
		}
	}
}

// size is how many paths there are.
func (b *batchOutputs) size() int {
	if b == nil {
		return 0
	}
	return len(b.list)
}

// take takes the paths of a batch out of the index. If they are not there, or in use, it returns none.
func (o *outputIndex) take(seq int64) *batchOutputs {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.of[seq]
	o.of[seq] = nil
	if b == nil {
		return &batchOutputs{skipped: -1}
	}
	return b
}

// giveBack keeps the paths that a unit has taken, and has committed more of.
func (o *outputIndex) giveBack(taken map[int64]*batchOutputs) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for seq, b := range taken {
		o.put(seq, b)
	}
}

// forget removes the batches whose paths a unit has taken: the table may not have the rows that they came from.
func (o *outputIndex) forget(taken map[int64]*batchOutputs) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for seq := range taken {
		delete(o.of, seq)
	}
}

// add merges paths, sorted by their hashes, into those of the batch.
func (b *batchOutputs) add(sorted []output, last int64) {
	i, j := len(b.list)-1, len(sorted)-1
	b.list = slices.Grow(b.list, len(sorted))[:len(b.list)+len(sorted)]
	for at := len(b.list) - 1; j >= 0; at-- {
		if i >= 0 && b.list[i] > sorted[j] {
			b.list[at] = b.list[i]
			i--
		} else {
			b.list[at] = sorted[j]
			j--
		}
	}
	b.last = max(b.last, last)
}

// withHash returns the outputs that have a hash.
func (b *batchOutputs) withHash(hash output) []output {
	from, _ := slices.BinarySearch(b.list, hash)
	to := from
	for to < len(b.list) && b.list[to].hash() == hash {
		to++
	}
	return b.list[from:to]
}

// read adds the paths of the jobs with numbers after b.last.
func (o *outputIndex) read(ctx context.Context, r SubmissionReader, seq int64, b *batchOutputs) error {
	var list []output
	last := b.last
	err := r.OutputPaths(ctx, seq, b.last, func(number int64, path []byte) {
		last = max(last, number)
		list = append(list, makeOutput(maphash.Bytes(o.seed, path), number))
	})
	if err != nil {
		return err
	}
	slices.Sort(list)
	b.add(list, last)
	return nil
}

// readSkipped replaces the paths of the jobs that the batch has skipped.
func (o *outputIndex) readSkipped(ctx context.Context, r SubmissionReader, seq int64, b *batchOutputs) error {
	var list []output
	err := r.SkippedOutputPaths(ctx, seq, func(path []byte) { list = append(list, makeOutput(maphash.Bytes(o.seed, path), 0)) })
	if err != nil {
		return err
	}
	slices.Sort(list)
	b.list = slices.DeleteFunc(b.list, func(o output) bool { return o.number() == 0 })
	b.add(list, b.last)
	return nil
}

// prepare reads the paths of a batch ahead of the transaction that adds jobs to it: those of
// a million jobs take a second, and meanwhile other writes go on.
func (o *outputIndex) prepare(ctx context.Context, engine Engine, batchID string) error {
	return engine.Snapshot(ctx, func(r Reader) error {
		batch, err := r.Batch(ctx, batchID)
		if errors.Is(err, job.ErrNotFound) || err == nil && (!batch.Open || batch.DistinctBy != job.ByOutputPath || o.has(batch.Seq)) {
			return nil
		}
		if err != nil {
			return err
		}
		b := &batchOutputs{skipped: -1}
		if err := o.read(ctx, r, batch.Seq, b); err != nil {
			return err
		}
		o.keep(batch.Seq, b)
		return nil
	})
}

// currentOutputs returns the paths of a batch as the transaction sees them. skipped is how many jobs the batch has
// skipped: other processes may have added some.
func (u *unit) currentOutputs(seq, skipped int64) (*batchOutputs, error) {
	b := u.outputPaths[seq]
	if b == nil {
		b = u.outputs.take(seq)
		u.outputPaths[seq] = b
	}
	if err := u.outputs.read(u.ctx, u.tx, seq, b); err != nil {
		return nil, err
	}
	if b.skipped == skipped {
		return b, nil
	}
	b.skipped = skipped
	return b, u.outputs.readSkipped(u.ctx, u.tx, seq, b)
}

// sorted returns the paths of jobs that have the numbers after last, by hash.
func (o *outputIndex) sorted(jobs []job.Spec, last int64) []output {
	list := make([]output, 0, len(jobs))
	for i, j := range jobs {
		if j.OutputPath != "" {
			list = append(list, makeOutput(maphash.String(o.seed, j.OutputPath), last+int64(i)+1))
		}
	}
	slices.Sort(list)
	return list
}

// addOutputs keeps the paths of jobs that were inserted after number last, and of jobs that
// were skipped, newlySkipped of them for the first time.
func (u *unit) addOutputs(seq, last int64, inserted, skippedJobs []job.Spec, newlySkipped int64) {
	o := u.outputs
	b := u.outputPaths[seq]
	if b == nil {
		return
	}
	b.add(o.sorted(inserted, last), last+int64(len(inserted)))
	skipped := o.sorted(skippedJobs, 0)
	for i := range skipped {
		skipped[i] = skipped[i].hash()
	}
	b.add(skipped, b.last)
	b.skipped += newlySkipped
}

// dropOutputs forgets the paths of a batch that no jobs are added to any more.
func (u *unit) dropOutputs(seq int64) {
	u.outputs.forget(map[int64]*batchOutputs{seq: nil})
	delete(u.outputPaths, seq)
}
