// Package server implements the gRPC services of Stoker. It checks requests, reads and changes the
// job table, and answers with messages and statuses. The rules for states of jobs and batches are in
// package job; the rules for requests are here, those for a submission in submission.go.
//
// # Errors
//
// Handlers return plain errors. One interceptor turns them into statuses by the table in errors.go.
// Every status carries google.rpc.ErrorInfo, and none carries the text of a database or driver. An
// error that is not in the table becomes INTERNAL with a fixed text and is logged in full, once.
//
// # Watching
//
// A watch holds a position in the revisions of a batch and nothing else. When the batch changes,
// the hub wakes the watchers of the batch. Each watcher reads what changed after its position, and
// sends the changes. This gives the following guarantees:
//
//   - Ordered, unique, without gaps: the states of a job are sent in the order of revisions,
//     each at most once. A position only moves past what was sent.
//   - Resumable: each message carries the position as its cursor. The server keeps nothing
//     about a watcher that is not connected.
//   - Latest state wins: a slow watcher gets the present state of what changed, not each change.
//     There is no queue that could overflow, and a slow watcher costs the others nothing.
//   - A wakeup may be lost. Each heartbeat reads the job table too, so that a lost wakeup delays
//     a change and never loses it.
//   - The stream ends with OK once the batch has ended and all of its changes were sent.
//
// The scope of a watch says which jobs it sends: none, all, or those that are in some states when
// a message is made. The scope is part of position and cursor: only watchers with the same scope
// share reads, and a cursor can only be used with the same scope.
//
// A snapshot with jobs is sent in pages. All pages show one revision: jobs that have changed since
// are left out and follow as changes. An interrupted snapshot continues where it stopped.
//
// # Access
//
// The interceptors find out who calls (package identity), and compare the role of the caller with the
// access option of the method, before anything of the request is received. What a call may be about is
// decided where it reaches the job table: all handlers go through the boundary, which knows the accounts of
// the caller. A batch out of them does not exist. A method may be allowed for the caller's own batches
// alone; then the boundary refuses those of others, and leaves them out of lists.
//
// Each call that may change something has an entry in the audit log, which the job table writes in the
// transaction of the change.
//
// # Shutdown
//
// [Server.Stop] works in this order: health answers NOT_SERVING, watches end with UNAVAILABLE and
// the advice to reconnect, calls under way finish, and calls that have not finished after the grace
// period are cut off. Only then may the job table be closed.
package server
