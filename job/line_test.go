package job_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stokerd/stoker/job"
)

// walk hands out the places of a line one by one, as the dispatcher's window does.
func walk(shares []job.Share) map[int64][]int64 {
	shares = append([]job.Share(nil), shares...)
	places := map[int64][]int64{}
	for place := int64(1); ; place++ {
		var next *job.Share
		for i := range shares {
			s := &shares[i]
			if s.Due > 0 && (next == nil || goesBefore(s, next)) {
				next = s
			}
		}
		if next == nil {
			return places
		}
		places[next.Seq] = append(places[next.Seq], place)
		next.Due--
		next.InFlight++
	}
}

func goesBefore(a, b *job.Share) bool {
	switch {
	case a.Priority != b.Priority:
		return a.Priority > b.Priority
	case a.InFlight != b.InFlight:
		return a.InFlight < b.InFlight
	case a.InFlight+a.Ended != b.InFlight+b.Ended:
		return a.InFlight+a.Ended < b.InFlight+b.Ended
	}
	return a.Seq < b.Seq
}

// The place of every job follows from how many jobs each batch has.
func TestLine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		shares := make([]job.Share, 1+random.IntN(8))
		for i := range shares {
			shares[i] = job.Share{
				Seq: int64(i) + 1, Priority: 10 * random.IntN(3),
				InFlight: random.Int64N(6), Ended: random.Int64N(4), Due: random.Int64N(12),
			}
		}
		random.Shuffle(len(shares), func(i, j int) { shares[i], shares[j] = shares[j], shares[i] })
		line, want := job.NewLine(shares), walk(shares)
		for _, s := range shares {
			place, ok := line.PlaceOf(s.Seq)
			if !ok {
				t.Fatalf("batch %d is not in line", s.Seq)
			}
			var got []int64
			for rank := range s.Due {
				got = append(got, place.Position(rank))
			}
			if diff := cmp.Diff(want[s.Seq], got); diff != "" {
				t.Fatalf("places of %+v among %+v (-want +got):\n%s", s, shares, diff)
			}
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	shares := make([]job.Share, 10_000)
	for i := range shares {
		shares[i] = job.Share{Seq: int64(i) + 1, Priority: 50, InFlight: int64(i % 7), Due: 20}
	}
	line := job.NewLine(shares)
	for b.Loop() {
		place, _ := line.PlaceOf(5000)
		place.Position(10)
	}
}
