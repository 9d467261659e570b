package store

import (
	"context"
	"time"
)

// CheckWritable writes something without a meaning, to find out whether the job table can be written.
func CheckWritable(ctx context.Context, s *Store) error {
	return writeOnly(ctx, s, op{what: "check the job table"}, func(u *unit) error {
		u.rows.Probe = time.Now()
		return nil
	})
}
