// Package client talks to a Stoker server from Go.
//
// [Dial] makes a [Client]. Its Batches and Accounts are the generated clients of
// the two services; three things are done better by methods of its own:
//
//   - [Client.Submit] makes a submission that can be repeated without submitting
//     twice, and splits lists that do not fit one message.
//   - [Client.Watch] follows a batch to its end, through reconnects and restarts of
//     the server, without missing a change or seeing one twice.
//   - [Violations], [Reason] and [RetryDelay] read what the server says about an
//     error beyond its code.
//
// # When the answer does not come
//
// Every error of a Stoker server carries a google.rpc.ErrorInfo of domain "stoker". An
// error without it comes from in between: a connection that broke, or a proxy that
// answered in the server's place, with whatever code. The server may have done what
// was asked by then. As long as the caller's context lives, such a call is made again
// where a repeat changes nothing that the first try has not changed:
//
//   - What reads (Get..., List..., and what is only validated or counted) is repeated.
//   - SubmitBatch is repeated if it has a request_id; [Client.Submit] gives it one.
//   - AddJobs is repeated. Jobs that the batch has by their keys are not added again; the
//     answer counts them as skipped.
//   - CloseBatch, CancelJob, CancelBatch, PauseBatch, ResumeBatch, UpdateBatch,
//     PauseAccount, ResumeAccount and UpdateAccount are repeated. They leave behind what
//     was asked for, also where somebody else has asked for the contrary in between.
//   - CancelJobs is repeated. Jobs that an earlier try has cancelled are not in the
//     count of the answer.
//   - DeleteBatch is repeated. If the batch is gone then, it was deleted.
//   - WatchBatch comes back with its cursor, through [Client.Watch].
//   - RetryJobs, and SubmitBatch without request_id, are not repeated: a job that has
//     failed again meanwhile would be encoded, and paid, once more.
//
// A call is repeated as long as its context lives, or for the RetryTimeout of [Options] if the
// context has no deadline; a watch that has begun, as long as its context lives. Waits grow from a tenth of a
// second to two, of a watch to five, and vary by chance. If nothing takes connections at
// the address, the call fails after four tries. [Options] has a function that is told of
// each repeat. A call that was to change something and has got no answer in the end
// fails with a [LostAnswerError].
//
// What gRPC itself refuses without a word of the server is not repeated: a message that is
// too large or cannot be encoded.
package client
