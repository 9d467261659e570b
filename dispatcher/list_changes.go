package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// maxEndedPages is how many pages of encodings that have ended are read at once.
const maxEndedPages = 3

// encodingsSeen are encodings as a list showed them.
type encodingsSeen struct {
	time      time.Time // before the first call
	encodings map[string]job.Observation
}

// listTaken lists the newest running encodings: those that encoders have taken last are among them,
// since older ones are started first.
func (l *encodingList) listTaken(ctx context.Context) (encodingsSeen, error) {
	return l.listSome(ctx, bitmovin.EncodingQuery{Status: bitmovin.StatusRunning}, 1)
}

// listEnded lists encodings that have ended after a time.
func (l *encodingList) listEnded(ctx context.Context, after time.Time) (encodingsSeen, error) {
	return l.listSome(ctx, bitmovin.EncodingQuery{FinishedAfter: after}, maxEndedPages)
}

// listSome reads the first pages of a list.
func (l *encodingList) listSome(ctx context.Context, q bitmovin.EncodingQuery, pages int) (encodingsSeen, error) {
	list := encodingsSeen{time: l.clock.Now(), encodings: map[string]job.Observation{}}
	q = l.narrowToOwn(q)
	q.Limit, q.SkipTotalCount = pageSize, true
	for range pages {
		page, err := l.listPage(ctx, q)
		if err != nil && q.Offset > 0 {
			break // what was read so far is of use
		}
		if err != nil {
			return list, err
		}
		for _, e := range page.Items {
			list.encodings[string(e.ID)] = listedObservation(e)
		}
		if q.Offset += len(page.Items); !page.More() {
			break
		}
	}
	return list, nil
}
