package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// runningList is the list of running encodings at one moment.
type runningList struct {
	time    time.Time // before the first call
	running map[string]job.Observation
	length  int
}

// listRunning lists our running encodings, with a pause after each page.
func (w *worker) listRunning(ctx context.Context, pause time.Duration) (runningList, error) {
	l := runningList{time: w.now(), running: map[string]job.Observation{}}
	query := w.encodings.narrowToOwn(bitmovin.EncodingQuery{Status: bitmovin.StatusRunning, SkipTotalCount: true})
	err := w.encodings.eachListed(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		if l.length++; pause > 0 && l.length%pageSize == 0 {
			if err := w.clock.Sleep(ctx, pause); err != nil {
				return false, err
			}
		}
		if e.Status.Known() && e.Status != bitmovin.StatusRunning {
			// A platform that does not select by status lists all encodings there are.
			return l.length >= job.MaxQueueTarget && !w.encodings.usable(bitmovin.ParamStatus), nil
		}
		l.running[string(e.ID)] = listedObservation(e)
		return false, nil
	})
	return l, err
}

// listOverlap is how many encodings may be deleted between two pages of a list that has to prove
// that an encoding is absent.
const listOverlap = 10

// walkList lists all encodings of the account and notes those that the walk looks for.
func (w *worker) walkList(ctx context.Context, walk *listWalk) error {
	everything := bitmovin.EncodingQuery{SkipTotalCount: true, Overlap: listOverlap}
	return w.encodings.eachListed(ctx, everything, func(e bitmovin.Encoding) (enough bool, err error) {
		if walk.wanted[string(e.ID)] {
			walk.ids[string(e.ID)] = true
		}
		if walk.wanted[e.Name] {
			walk.names[e.Name] = string(e.ID)
		}
		return false, nil
	})
}
