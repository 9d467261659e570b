// Package dispatcher keeps the queues of Bitmovin accounts filled with the jobs
// of the job table.
//
// # One loop for each account
//
// A driver owns one account. Its loop is the only place where anything is
// decided: it reads what is out of date in the job table ([Store]), collects
// everything a decision depends on (view), asks the pure function decide what to
// do, and starts tasks. Tasks make the calls, side by side and bounded, record what
// came of them in the job table, and hand it to the loop, which decides again.
// Bells wake the loop early; timers make sure that it wakes at all.
//
// # Never more than the target
//
// free = target − other people's queued encodings − whatever of ours holds a
// place, or might: queued jobs, starts whose answer is not known, jobs being cancelled
// that no encoder has taken. Other people's encodings are counted by listing
// the platform's queue; ours are followed one by one. Whatever is uncertain counts
// as taken, so that the queue never grows beyond the target by our own doing.
//
// # Never twice
//
// The platform knows no idempotency key. So each side effect is a step that is
// recorded before it is made, and looked up before it is repeated:
//
//	step    on disk before   crash before the call     crash after it           crash after recording
//	create  Step CREATE      a new encoding is made    the sweep deletes the    nothing to do
//	                                                   encoding: never started
//	start   STARTING         looked at: CREATED for    looked at: QUEUED or     nothing to do
//	                         the settle time, so it    further, so it is
//	                         is started                adopted
//	post    STARTING         no encoding of its       found by its name, so    nothing to do
//	                         name for the settle      it is adopted
//	                         time, neither in a
//	                         search nor in the whole
//	                         list, so it is made
//	stop    Step STOP        asked again               asked again: harmless    nothing to do
//	delete  orphan row       deleted                   404, so it is done       nothing to do
//
// A post creates and starts an encoding from a template in one call, so that there is no
// encoding to be looked at before it: each attempt's has a name of its own instead.
//
// An error that leaves open whether a call had its effect is treated like a
// crash after the call.
package dispatcher
