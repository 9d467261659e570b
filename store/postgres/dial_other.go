//go:build !linux

package postgres

import "syscall"

// limitUnacknowledged does nothing: other systems have no such limit, and give up later.
func limitUnacknowledged(string, string, syscall.RawConn) error { return nil }
