package simulator

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// identifiers draws ids, makes random decisions, and numbers what happens. The same seed and
// the same calls in the same order give the same results.
type identifiers struct {
	seed   uint64
	random *rand.Rand
	order  int64
}

// newIdentifiers returns identifiers with a seed. A zero seed means a random one.
func newIdentifiers(seed uint64) *identifiers {
	if seed == 0 {
		seed = rand.Uint64() | 1
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &identifiers{seed: seed, random: rand.New(rand.NewChaCha8(key))}
}

// newID returns a random lower-case UUID of version 4.
func (i *identifiers) newID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], i.random.Uint64())
	binary.LittleEndian.PutUint64(b[8:], i.random.Uint64())
	return formatUUID(b)
}

// nextOrder returns the next number of a sequence. The numbers order events at one time,
// encodings in the queue, and creations.
func (i *identifiers) nextOrder() int64 {
	i.order++
	return i.order
}

// chance returns a number in [0,1) that depends only on the seed and the parts. So a random
// decision can be replayed, whatever calls came before it.
func (i *identifiers) chance(parts ...string) float64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, i.seed))
	h.Write([]byte(strings.Join(parts, "\x00")))
	x := h.Sum64() // FNV mixes its upper bits poorly: finish as SplitMix64 does
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

// derivedID returns a UUID that depends only on the parts.
func derivedID(parts ...string) string {
	var b [16]byte
	h := fnv.New128a()
	h.Write([]byte(strings.Join(parts, "\x00")))
	h.Sum(b[:0])
	return formatUUID(b)
}

func formatUUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
