// Package notifier delivers notifications to endpoints: it takes what the job table's outbox has, signs it, and
// sends it until the endpoint has accepted it.
//
// # Guarantees
//
//   - A notification is in the outbox if and only if the change is in the job table that it tells of. It is delivered
//     at least once, through crashes too: an attempt whose end is not recorded is made again, with the same id.
//   - After an attempt that failed, the next ones follow 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h later. Then the
//     delivery is given up, and can be asked for again.
//   - An endpoint that answers 410, or has not succeeded for five days, is disabled.
//   - Each endpoint has its own few attempts at a time. One that is slow delays neither another one nor
//     the dispatcher, which knows nothing of any.
//   - Notifications are not ordered. Each of a batch has the revision of its batch.
//
// # What a receiver can do to this service
//
// An attempt takes ten seconds at most, follows no redirect, decompresses nothing, and reads 64 KiB of the answer, of
// which nothing is kept but the status. The address that a name is resolved to is checked when it is connected to:
// a name that has another address the second time leads nowhere else. A proxy would resolve names itself, so none is
// used.
package notifier
