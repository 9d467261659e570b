package dispatcher

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// otherInstanceMemory is how long another instance is shown after it was last seen, and how long
// after the creation of one of its encodings it counts as being at work.
const otherInstanceMemory = time.Hour

// noteOtherInstance records the other Stoker, one with a job table of its own, to which a queued,
// running or new encoding belongs. Each of the two counts the other's encodings as other
// people's, which works; but the operator may have meant to run only one. An encoding that ended
// long ago may be left from a job table that was used before, and does not count.
func (l *encodingList) noteOtherInstance(e bitmovin.Encoding) {
	now := l.clock.Now()
	switch {
	case e.Status == bitmovin.StatusQueued, e.Status == bitmovin.StatusRunning:
	case !e.CreatedAt.IsZero() && now.Sub(e.CreatedAt.Time) < otherInstanceMemory:
	default:
		return
	}
	for _, label := range e.Labels {
		id, ok := strings.CutPrefix(label, provision.Label(""))
		if !ok || id == "" || label == l.label {
			continue
		}
		l.mu.Lock()
		before, known := l.otherInstances[id]
		l.otherInstances[id] = now
		l.mu.Unlock()
		if !known || now.Sub(before) >= otherInstanceMemory {
			l.log.Warn("another Stoker is at work with the same API key", "instance", id, "encoding", string(e.ID), "status", string(e.Status))
		}
	}
}

// lookForOtherInstances lists the newest encodings, whoever's they are, only to note other
// instances. Nothing depends on it: the next call meets any error again, and reports it.
func (l *encodingList) lookForOtherInstances(ctx context.Context) {
	_, _ = l.listPage(ctx, bitmovin.EncodingQuery{SkipTotalCount: true})
}

// recentInstances are the other instances that were seen recently. The caller holds l.mu.
func (l *encodingList) recentInstances() (recent []job.OtherInstance) {
	for _, id := range slices.Sorted(maps.Keys(l.otherInstances)) {
		if seen := l.otherInstances[id]; l.clock.Now().Sub(seen) < otherInstanceMemory {
			recent = append(recent, job.OtherInstance{ID: id, LastSeenTime: seen})
		}
	}
	return recent
}
