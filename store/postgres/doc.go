// Package postgres keeps a job table in PostgreSQL: all SQL, migrations, connections, leases of accounts, and wakeups
// between the processes that work on it.
//
// # Transactions
//
// Writes are READ COMMITTED. A transaction first locks the heads of the batches that it changes, in the order of
// their seq, and reads them in a later statement, which sees what it waited for. So two units of work that have
// a batch in common follow one another, and revisions of a batch become visible in their order. Rows are written
// in sets: one statement for each kind of row, however many there are. Statements that need no answer of one
// another share a round trip.
//
// A snapshot is a REPEATABLE READ transaction that only reads.
//
// # What is not known
//
// COMMIT is never cancelled: a cancelled COMMIT may have happened on this server and not on its standby, and the
// server says so in nothing but a warning. If it takes long, its callers are told that the outcome is not
// known, and the connection is left to wait by itself.
//
// Until a transaction commits, it has done nothing. One that ends by a deadlock, a timeout or a lost connection
// before its COMMIT was sent is answered by [store.ErrAgain], and the store runs it again.
//
// # Leases
//
// A driver holds a lease, a row of its accounts. Every transaction with a write of a driver begins by asking for that
// row, with the epoch and the holder that the driver has gained, and holds it until it has ended: FOR KEY SHARE. Who
// takes the lease over changes the row, and so waits for these transactions, and whoever has lost the lease finds no
// row and can write nothing. A process that is frozen inside of a transaction is no obstacle:
// idle_in_transaction_session_timeout ends the transaction. What callers write needs no lease.
//
// # Other processes
//
// Wakeups go to the other processes by NOTIFY, after the commit that they tell of: in the same transaction they would
// hold a lock of the whole server until the standby has confirmed. They may be lost; the store looks for changes as well.
//
// Every new connection asks for the timeline of the server, and begins another history of the table if it has changed.
package postgres
