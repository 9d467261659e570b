package dispatcher

import (
	"context"
	"log/slog"
	"time"
)

// recountInterval is the time between two checks of the batches' counts. The job table checks
// them as well when it is opened.
const recountInterval = 10 * time.Minute

// housekeeping checks from time to time that the counts of batches agree with their jobs.
type housekeeping struct {
	store QueueStore
	log   *slog.Logger
}

// run checks until ctx ends.
func (h *housekeeping) run(ctx context.Context) {
	ticker := time.NewTicker(recountInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := h.store.Recount(ctx, time.Now()); err != nil && ctx.Err() == nil {
				h.log.Error("cannot check the counts of batches", "err", err)
			}
		}
	}
}
