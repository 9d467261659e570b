// Package sqlite keeps the job table in one SQLite file.
package sqlite

import (
	"context"

	"github.com/stokerd/stoker/store"
)

// The ways in which [Open] can refuse a file. In all of them the file stays as
// it is.
var (
	ErrLocked      = store.ErrLocked
	ErrNewer       = store.ErrNewer
	ErrNotDatabase = store.ErrNotDatabase
)

// Open opens the job table at path.
func Open(ctx context.Context, path string, o store.Options) (*store.Store, error) {
	return store.Open(ctx, path, o)
}

// Backup writes a copy of the job table at from to a new file.
func Backup(ctx context.Context, from, to string) error { return store.Backup(ctx, from, to) }
