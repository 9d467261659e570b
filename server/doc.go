// Package server is the gRPC face of Stoker: it checks requests, turns them into
// calls on the job table, and turns what comes back into messages and statuses.
// It holds no business rules; those are in package job.
//
// # Errors
//
// Handlers return plain errors. One interceptor turns them into statuses by the
// table in errors.go, so that every error carries google.rpc.ErrorInfo and none
// carries the text of a database or driver. What the table does not know is
// INTERNAL with a fixed text and is logged in full, once.
//
// # Watching
//
// A watch holds a position in a batch's revisions and nothing else. When the
// batch changes, the hub rings the bells of its watchers; each reads what changed
// after its own position and sends that. From this follow the guarantees:
//
//   - Ordered, unique, without gaps: a job's state is sent in the order of
//     revisions, each at most once, and a position only moves past what was sent.
//   - Resumable: the position travels in each message as the cursor. The server
//     keeps nothing about a watcher that is not connected.
//   - Latest state wins: who is slow reads the sum of what was missed. There is
//     no queue to overflow, and one slow reader costs the others nothing.
//   - A bell may be rung too often or, across a crash, not at all; a heartbeat
//     reads the job table as well, so a lost ring costs time and never a change.
//   - The stream ends with OK once the batch has ended and everything about that
//     was sent.
//
// Who watches some states is sent what others are sent, less the jobs that are in other
// states when the message is made. The scope of a watch, which jobs it is sent, is
// part of its position and of its cursor, so that only watchers of the same jobs share
// what is read, and a cursor is good for the same jobs only.
//
// A snapshot with jobs is sent in pages. It starts at one revision; jobs that have
// changed since then are left out of it and follow as changes, so that a snapshot
// that is interrupted can go on where it stopped.
//
// # Shutdown
//
// [Server.Stop] goes in this order: health answers NOT_SERVING, watches end with
// UNAVAILABLE and the advice to come back, calls under way finish, and what has not
// finished after the grace period is cut off. Only then may the job table be closed.
package server
