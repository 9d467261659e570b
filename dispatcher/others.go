package dispatcher

import (
	"context"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
)

// otherInstanceMemory is how long another instance is told of after it was last seen, and how long
// after the creation of an encoding its instance counts as being at work.
const otherInstanceMemory = time.Hour

// noteOtherInstance notes an encoding that another Stoker, one with a job table of its own, has at the
// platform right now. Both count the other's encodings as other people's; but somebody may
// have meant to have one only. What has ended long ago is left by a job table that was used
// before.
func (l *encodingList) noteOtherInstance(e bitmovin.Encoding) {
	now := l.clock.Now()
	switch {
	case e.Status == bitmovin.StatusQueued, e.Status == bitmovin.StatusRunning:
	case !e.CreatedAt.IsZero() && now.Sub(e.CreatedAt.Time) < otherInstanceMemory:
	default:
		return
	}
	for _, text := range e.Labels {
		id, ok := strings.CutPrefix(text, provision.Label(""))
		if !ok || id == "" || text == l.label {
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

// lookForOtherInstances lists the newest encodings, whoever's they are, just for meeting other instances.
// Nothing depends on it: whatever is wrong is met again by the next call, and told there.
func (l *encodingList) lookForOtherInstances(ctx context.Context) {
	_, _ = l.listPage(ctx, bitmovin.ListEncodings{SkipTotalCount: true})
}
