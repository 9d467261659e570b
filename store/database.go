package store

import (
	"context"
	"time"
)

// Database is how the database of a job table stands, and what this process has of it.
type Database struct {
	Name string // without the password
	// UnverifiedHost is a host on the network whose server need not show a certificate that is checked; empty: there is none.
	UnverifiedHost string

	Version string // of the server
	// Timeline is the number of the server's history of changes, which a promotion changes; empty if it does not say.
	Timeline string
	// Synchronous says that a commit waits for a standby.
	Synchronous bool
	// ClockOffset is by how much the clock of this machine is ahead of the server's.
	ClockOffset time.Duration
	// OldestSnapshot is how many transactions ago the oldest snapshot was taken that is still open anywhere in the
	// server: rows that were deleted since cannot be removed.
	OldestSnapshot int64
	// Connections and MaxConnections are those of the server, of everybody.
	Connections, MaxConnections int64
	Figures                     DatabaseFigures
}

// DatabaseFigures are what a process has counted since its start.
type DatabaseFigures struct {
	Readers, ReadersInUse int64 // connections that read
	Listening             bool  // wakeups of other replicas arrive
	UnknownCommits        int64 // that were not confirmed
}

// databaseEngine is an engine that keeps the job table in a database.
type databaseEngine interface {
	ReadDatabase(ctx context.Context) (Database, error)
	CountDatabase() DatabaseFigures
}

// ReadDatabase asks the database of a job table how it stands. ok is false if the table is in a file.
func ReadDatabase(ctx context.Context, s *Store) (d Database, ok bool, err error) {
	engine, ok := s.engine.(databaseEngine)
	if !ok {
		return Database{}, false, nil
	}
	d, err = engine.ReadDatabase(ctx)
	d.Figures = engine.CountDatabase() // are known without an answer too
	return d, true, err
}
