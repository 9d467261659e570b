// Package client talks to a Stoker server from Go.
//
// [Dial] makes a [Client]. Its Batches and Accounts are the generated clients of the two services.
// Some things are easier with the methods and functions of this package:
//
//   - [Client.Submit] submits a batch, repeats the call without submitting twice, and splits
//     lists that do not fit one message.
//   - [Client.Watch] follows a batch to its end, through reconnects and restarts of the server,
//     without missing a change or seeing one twice.
//   - [Violations], [Reason] and [RetryDelay] read the details of an error.
//
// # Calls without an answer
//
// Every error of a Stoker server carries a google.rpc.ErrorInfo with the domain "stoker". An error
// without ErrorInfo is not from the server: the connection broke, or a proxy answered in place of the
// server, with any code. The server may have carried out the call. The client repeats such a call if
// a repeat changes nothing more than the first call did:
//
//   - Calls that only read, validate or count are repeated.
//   - SubmitBatch and ResubmitBatch are repeated if they have a request_id. [Client.Submit] gives it
//     one.
//   - AddJobs is repeated. Jobs whose keys the batch already has are not added again; the answer
//     counts them as duplicates.
//   - CloseBatch, CancelJob, CancelBatch, PauseBatch, ResumeBatch, UpdateBatch, PauseAccount,
//     ResumeAccount and UpdateAccount are repeated. A repeat may undo a contrary call that another
//     client made in between.
//   - CancelJobs, CancelBatches, PauseBatches, ResumeBatches, UpdateBatches and DeleteBatches are
//     repeated. The answer does not count what an earlier try has changed.
//   - DeleteBatch is repeated. A batch that is not found by the repeat was deleted.
//   - WatchBatch is repeated with its cursor by [Client.Watch], and WatchBatches, with a new snapshot, by
//     [Client.WatchBatches].
//   - RetryJobs is not repeated: a job that has failed again in between would be encoded, and paid,
//     once more. SubmitBatch and ResubmitBatch without request_id are not repeated: they would submit
//     a second batch.
//
// A call is repeated until its context ends or, if the context has no deadline, for the RetryTimeout
// of [Options]. A watch that has begun is repeated until its context ends. The waits between repeats
// grow from a tenth of a second to two seconds, for a watch to five, and vary at random. If nothing
// accepts connections at the address, the call fails after four tries. The client calls OnRepeat of
// [Options] before each repeat. A call that changes something and gets no answer in the end fails
// with a [LostAnswerError].
//
// The client does not repeat calls that gRPC itself refuses, because a message is too large or cannot
// be encoded.
package client
