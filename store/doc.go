// Package store is the job table: batches, jobs, their attempts and events, and
// the few other things Stoker has to remember, in one SQLite file.
//
// # Guarantees
//
//   - Nothing is acknowledged before it is durable. A method that writes returns
//     after its transaction has been committed and, unless [Options.Unsafe] is
//     set, flushed to the disk.
//   - A job changes in one way only: [Store.UpdateJob] (or its bulk form
//     [Store.UpdateJobs]) reads the row, applies a pure function and writes the
//     row guarded by its version. The batch's counters, its revision, the event
//     and the ended attempt are written in the same transaction.
//   - The database refuses what package job does not allow: states it does not
//     know, transitions that are not in its table, a finish time on a job that
//     has not finished.
//   - What a claim, a restart or a watcher costs depends on the jobs that are
//     alive, not on those that have ended: these reads use partial indexes.
//   - A disk that is full, broken or gone for a while loses nothing that was
//     acknowledged. Calls meanwhile answer [job.ErrFull] or [job.ErrUnavailable],
//     and go on by themselves, on new connections if need be, when it is back.
//   - Counters that do not agree with the rows they count are found and mended
//     when the file is opened, and by [Store.Recount].
//   - One process at a time has the file open. The lock is the operating
//     system's, so a process that is killed lets go of it.
//
// # Writing
//
// All writes go through one goroutine. It takes whatever callers have handed in,
// up to 256 writes, runs them in one transaction, commits, and answers them all:
// many concurrent changes share one flush of the disk. A write that fails takes
// only itself down: its group is rolled back and every member is run again in a
// transaction of its own. The functions handed to UpdateJob and UpdateBatch may
// therefore be called twice and must not have side effects.
//
// A caller whose context ends while it waits gets the context's cause. Its write
// may still happen. So may, at a power cut, a write that was answered with
// ErrUnavailable because its commit could not be flushed: part of it was in the log
// already. Whoever hears that error has to look before doing things twice.
//
// # Reading
//
// Reads run on a small pool of read-only connections and never wait for the
// writer. No read transaction outlives the method that opened it.
package store
