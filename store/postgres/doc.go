// Package postgres keeps a job table in PostgreSQL: all SQL, migrations, connections, and the lease of the one
// process that may work on it.
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
// # The lease
//
// Every transaction that writes begins by asking for the row of this process's lease, and holds it until it has
// ended: FOR KEY SHARE. Who takes the lease over changes that row, and so waits for these transactions, and
// whoever has lost the lease finds no row and can write nothing. A process that is frozen inside of a transaction
// is no obstacle: idle_in_transaction_session_timeout ends the transaction.
package postgres
