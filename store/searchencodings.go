package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// EncodingIDs chooses encodings by their ids: by the one, by a prefix, or by a text in them.
type EncodingIDs struct {
	ID     string
	Prefix string
	// Part occurs in the ids, which are from First on and before Last. An empty Last is no limit.
	Part, First, Last string
}

// MaxEncodings is how many jobs with a part of an encoding id are found.
const MaxEncodings = 10_000

// minEncodingText is how many characters of an encoding id are searched for at least. A shorter text is in
// too many ids.
const minEncodingText = 4

// encodingsWith returns the positions of jobs that have, or had, an encoding with a text in its id. A text that
// can be inside of an id is looked for there, others at the beginning only. complete is false if the page's time
// is over before that: the next page goes on with it.
func (s *textSearch) encodingsWith(ctx context.Context) (positions []job.JobPosition, complete bool, err error) {
	text := s.text
	switch {
	case len(text) < minEncodingText:
		return nil, true, nil
	case len(text) >= len("00000000-0000-0000-0000-000000000000") || strings.Trim(text, "0123456789abcdef-") != "":
		positions, err = s.EncodingPositions(ctx, EncodingIDs{Prefix: text})
		return positions, true, err
	}
	return s.scans.find(ctx, s.SearchReader, text, s.page)
}

// An id is looked into byte by byte, which takes a second for a million. So that is done in parts: for the ids that
// begin with each two hexadecimal digits, and those before, between and after them.
const encodingParts = 256

// encodingPartBegin is the first id of a part.
func encodingPartBegin(part int) string {
	if part == 0 {
		return ""
	}
	return fmt.Sprintf("%02x", part)
}

// encodingPartEnd is the first id behind a part; empty for the last one.
func encodingPartEnd(part int) string {
	if part == encodingParts-1 {
		return ""
	}
	return encodingPartBegin(part + 1)
}

// encodingScan is a search for the ids of encodings that have a text in them.
type encodingScan struct {
	text      string
	parts     int // that have been looked into
	positions []job.JobPosition
	time      time.Time // when it began
}

const (
	// maxScans is how many searches for a part of an id are remembered.
	maxScans = 16
	// scanAge is how long they are: long enough for the pages of one search.
	scanAge = time.Minute
)

// partsAtOnce is how many parts are looked into side by side, each on a connection of its own. It divides
// encodingParts.
const partsAtOnce = 2

// lookInto looks into the next parts.
func (s *encodingScan) lookInto(ctx context.Context, r SearchReader) error {
	var some [partsAtOnce][]job.JobPosition
	var errs [partsAtOnce]error
	var looking sync.WaitGroup
	for i := range partsAtOnce {
		part := s.parts + i
		looking.Go(func() {
			some[i], errs[i] = r.EncodingPositions(ctx, EncodingIDs{Part: s.text, First: encodingPartBegin(part), Last: encodingPartEnd(part)})
		})
	}
	looking.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	s.positions = append(s.positions, slices.Concat(some[:]...)...)
	s.parts += partsAtOnce
	return nil
}

// encodingScans remembers searches for a part of an id, so that the pages of one search go on with it.
type encodingScans struct {
	mu   sync.Mutex
	list []*encodingScan // the one that was used last comes last
}

// take returns what is remembered of a search, for one page at a time. The first page of a search that is over
// begins anew: there may be new encodings.
func (c *encodingScans) take(text string, first bool, now time.Time) *encodingScan {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(s *encodingScan) bool {
		return s.parts == encodingParts && (first && s.text == text || now.Sub(s.time) > scanAge)
	})
	at := slices.IndexFunc(c.list, func(s *encodingScan) bool { return s.text == text })
	if at < 0 {
		return &encodingScan{text: text, time: now}
	}
	s := c.list[at]
	c.list = slices.Delete(c.list, at, at+1)
	return s
}

// put remembers a search.
func (c *encodingScans) put(s *encodingScan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) >= maxScans {
		c.list = slices.Delete(c.list, 0, 1)
	}
	c.list = append(c.list, s)
}

// find returns the positions of jobs that have, or had, an encoding with a text in its id. complete is false if the
// time of the page is over before all ids have been looked into. Each page looks into some parts at least.
func (c *encodingScans) find(ctx context.Context, r SearchReader, text string, page job.SearchPage) (positions []job.JobPosition, complete bool, err error) {
	s := c.take(text, page.After == job.JobPosition{}, time.Now())
	defer c.put(s)
	for s.parts < encodingParts && len(s.positions) < MaxEncodings {
		if err := s.lookInto(ctx, r); err != nil {
			return nil, false, err
		}
		if s.parts < encodingParts && page.IsOver() {
			return nil, false, nil
		}
	}
	s.parts = encodingParts
	return slices.Clone(s.positions), true, nil
}

// beginningOf is the position at which a page begins, also if it is the first one.
func beginningOf(f *job.Search, page job.SearchPage) job.JobPosition {
	switch {
	case page.After != job.JobPosition{}:
		return page.After
	case page.Ascending:
		return job.JobPosition{BatchSeq: f.BatchSeq}
	}
	return job.JobPosition{BatchSeq: cmp.Or(f.BatchSeq, math.MaxInt64), Number: math.MaxInt64}
}
