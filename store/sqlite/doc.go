// Package sqlite keeps the job table in one SQLite file. It implements [store.Engine]: all SQL,
// the schema and its migrations, the lock on the file and the backup are here; what a change of a
// job brings about is decided in package store.
//
//   - One process at a time has the file open. The lock is the operating system's, so a process
//     that is killed releases it.
//   - One connection writes. Reads run on a small pool of read-only connections beside it and
//     never wait for it: the file is in WAL mode.
//   - Reads that are repeated while batches are worked on use partial indexes, which hold the
//     jobs that are alive. No read transaction outlives the call that opened it.
//   - A connection that met an error that may have broken it is dropped, and the next call opens
//     another: a disk that comes back is found again.
package sqlite
