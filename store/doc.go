// Package store is the job table: batches, jobs, their attempts and events, and the few other
// things that Stoker has to remember. It holds the methods and the rules; a database that
// implements [Engine] holds the rows. Package store/sqlite is one, in a single file.
//
// # Guarantees
//
//   - Nothing is acknowledged before it is durable. A method that writes returns
//     after its transaction has been committed and, unless [Options.Unsafe] is
//     set, flushed to the disk.
//   - A job changes in one way only: [Store.UpdateJob] (or a bulk form of it,
//     [Store.UpdateJobs] or [Store.UpdateJobsByNumber]) reads the row, applies a pure
//     function and writes the row guarded by its version. The batch's counters, its
//     revision, the event and the ended attempt are written in the same transaction.
//   - The database refuses what package job does not allow: states it does not
//     know, transitions that are not in its table, a finish time on a job that
//     has not finished.
//   - The cost of a claim, a restart or a watcher depends on the jobs that are
//     alive, not on those that have ended.
//   - A database that is full, broken or away for a while loses nothing that was
//     acknowledged. Calls meanwhile answer [job.ErrFull] or [job.ErrUnavailable],
//     and work goes on by itself when the database is back.
//   - A change and the notifications that tell of it are both there, or neither: they
//     are written in the same transaction, into the outbox.
//   - Counters that do not agree with the rows they count are found and corrected
//     when the table is opened, and by [Store.Recount].
//
// # Writing
//
// One goroutine, the writer, runs all writes in groups. A group is whatever callers have handed
// in, up to 256 writes, and shares one transaction: many concurrent changes share one flush of
// the disk. The transaction is a unit of work:
//
//  1. Every write has declared its batches and jobs, or a selection of jobs. [Tx.Load] reads
//     those of the whole group in one go, the batches in the order of their seq. On a database
//     with several writers it locks them in that order, so two units never wait for each other
//     in a circle.
//  2. The writes run one after the other. Their functions see cached values and change these.
//     Nothing is sent to the database, apart from submissions, which insert their rows at once,
//     and writes that ask the table something that the unit does not hold. The rows collected
//     so far are sent before such a write.
//  3. [Tx.Write] writes the rows that the group has collected, each of them once, and
//     [Tx.Commit] commits them. Then the callers get their answers.
//
// On a database with several writers, a write that inserts a thousand jobs or more is no member of
// a group. It runs beside the groups in a transaction of its own, so nobody waits for it but the
// changes of its own batch.
//
// A write that fails takes only itself down. A function that objects has changed no cached
// value. If the database refuses something, or a function panics, the transaction is rolled
// back and every member of the group runs again in a transaction of its own. The functions
// handed to UpdateJob, UpdateBatch and UpdateAccountSettings may therefore be called twice and
// must not have side effects. A panic becomes the error of its caller.
//
// A caller whose context ends while it waits gets the context's cause. Its write
// may still happen. So may, at a power cut, a write that was answered with
// ErrUnavailable because its commit could not be flushed: part of it was in the log
// already. A caller that gets this error has to look before it does something twice.
//
// # Reading
//
// Reads never wait for the writer. A method that needs several queries runs them in one
// [Engine.Snapshot], which ends before the method returns.
package store
