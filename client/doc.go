// Package client talks to a Stoker server from Go.
//
// [Dial] makes a [Client]. Its Batches and Accounts are the generated clients of
// the two services; three things are done better by methods of its own:
//
//   - [Client.Submit] makes a submission that can be repeated without submitting
//     twice, repeats it when the server cannot be reached, and splits lists that do
//     not fit one message.
//   - [Client.Watch] follows a batch to its end, through reconnects and restarts of
//     the server, without missing a change or seeing one twice.
//   - [Violations], [Reason] and [RetryDelay] read what the server says about an
//     error beyond its code.
package client
