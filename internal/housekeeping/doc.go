// Package housekeeping does what a job table needs that is kept for years, while the service runs: it deletes
// batches that are kept no longer, forgets what need not be remembered any more, and makes backups. Each of
// these goes on by itself after a failure, and says in [State] how it stands.
package housekeeping
