// Package server implements the gRPC services of Stoker. It checks requests, calls the job table,
// and makes messages and statuses of the results. The rules for states of jobs and batches are in
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
// the hub wakes its watchers; each reads what changed after its own position and sends that. This
// gives the following guarantees:
//
//   - Ordered, unique, without gaps: the states of a job are sent in the order of revisions,
//     each at most once. A position only moves past what was sent.
//   - Resumable: each message carries the position as its cursor. The server keeps nothing
//     about a watcher that is not connected.
//   - Latest state wins: a slow watcher gets the sum of the changes that it missed. There is no
//     queue that could overflow, and a slow watcher costs the others nothing.
//   - Wakeups are hints. A heartbeat reads the job table as well, so that a lost wakeup delays
//     a change and never loses it.
//   - The stream ends with OK once the batch has ended and everything about it was sent.
//
// A watch of some states is sent the same as others, without the jobs that are in other states
// when the message is made. Which jobs a watch is sent is its scope. The scope is part of its
// position and cursor: only watchers with the same scope share reads, and a cursor can only be
// used with the same scope.
//
// A snapshot with jobs is sent in pages. All of it shows one revision: jobs that have changed
// since are left out and follow as changes. An interrupted snapshot continues where it stopped.
//
// # Shutdown
//
// [Server.Stop] works in this order: health answers NOT_SERVING, watches end with UNAVAILABLE and
// the advice to come back, calls under way finish, and calls that have not finished after the grace
// period are cut off. Only then may the job table be closed.
package server
