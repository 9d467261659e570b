package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// JobsInFlight returns the jobs of an account that have, or may have, something at the
// platform, for the account's loop to go on with after a restart. Those are the jobs in STARTING, QUEUED,
// RUNNING and CANCELLING, those WAITING with an encoding, and all with a step that
// is not resolved, ended ones too. They come in the order of their submission.
func (s *Store) JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error) {
	list, err := s.engine.JobsInFlight(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("jobs in flight of account %s: %w", accountID, err)
	}
	return list, nil
}

// EncodingJobs tells which of the given encodings of an account belong, or
// belonged, to a job, and to which. Other encodings are not in the answer.
func (s *Store) EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error) {
	if len(encodingIDs) == 0 {
		return map[string]job.ID{}, nil
	}
	owners, err := s.engine.EncodingJobs(ctx, accountID, encodingIDs)
	if err != nil {
		return nil, fmt.Errorf("owners of encodings of account %s: %w", accountID, err)
	}
	return owners, nil
}
