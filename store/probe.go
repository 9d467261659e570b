package store

import (
	"context"
	"time"
)

// CheckWritable writes something without a meaning, to find out whether the job table can be written.
func (s *Store) CheckWritable(ctx context.Context) error {
	return writeOnly(ctx, s, op{what: "check the job table"}, func(u *unit) error {
		u.rows.Probe = time.Now()
		return nil
	})
}
