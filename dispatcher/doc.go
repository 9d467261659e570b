// Package dispatcher keeps the queues of Bitmovin accounts filled with the jobs of the job
// table.
//
// # Loop, decision, worker
//
// Each account has an accountLoop and a worker.
//
// The loop owns all state of the account, in one goroutine, and makes no call to the
// platform. It repeats four steps (accountLoop.decideOnce): it reads from the job table
// ([Store]) what is out of date; it collects everything on which a decision depends (view); it
// asks the pure function decide for a plan; and it begins the plan's tasks.
//
// The worker makes the calls. Its methods run in the goroutines of tasks, side by side and
// bounded. A task gets a copy of what the loop knows of its job (trackedJob), makes its
// calls, records their results in the job table, and returns an outcome. The loop passes the
// outcome to everything that learns from it (accountLoop.finishJobTask): the breaker, the
// pauses of the job and its batch, the limit of the queue, the drain rate. Then the loop
// decides again.
//
// A wakeup makes the loop decide early: after a change of the job table
// ([Dispatcher.Changed]), or after a hint that an encoding has changed. Wakeups may be lost:
// each decision sets a timer for the next one, so that the loop also runs without them.
//
// How a recipe or a template becomes calls is in internal/provision.
//
// # Where to find what
//
//	loop.go, loop_*.go    the loop: what it reads, begins, takes over and publishes
//	job_*.go, line.go     the jobs that the loop knows, kept so that no decision goes through all
//	view.go, decide*.go   the decision
//	poll_schedule.go,     what the loop has learnt, one type for each subject
//	limit.go, drain.go,
//	breaker.go, ...
//	worker_*.go           the calls, one file for each kind of task
//	encoding_list.go,     listing encodings on a platform whose query parameters may
//	list_*.go             not work
//	pauses.go             how long a failed call or task waits before it is repeated
//
// # Never more than the target
//
// The loop starts an encoding only if the queue has a free place:
//
//	free = target − other people's queued encodings − places that are ours, or may be
//
// Places that are ours, or may be, are queued jobs, starts without an answer, and jobs that
// are being cancelled before an encoder took them. Other people's encodings are counted by
// listing the platform's queue; ours are polled one by one. Whatever is uncertain counts as
// taken, so that the service never causes the queue to exceed the target.
//
// # Side by side, in order
//
// Starts and configurations begin when their first call may leave at once (bitmovin.Budget). So
// nothing waits behind the budget that a job of higher priority would have to overtake, and as
// many are under way as the way to the platform needs. What has been recorded and waits all the
// same, because the platform throttles meanwhile, gives way: the permit of a start is refused
// while a job of higher priority is ready (worker.urgent).
//
// # Never twice
//
// The platform has no idempotency key. So each side effect is a step that is recorded before
// its call, and looked up before the call is repeated:
//
//	step    recorded before  crash before the call     crash after it           crash after recording
//	create  Step CREATE      a new encoding is made    a sweep deletes the      nothing to do
//	                                                   encoding: never started
//	start   STARTING         polled: CREATED for the   polled: QUEUED or        nothing to do
//	                         settle time, so it is     further, so it is
//	                         started                   adopted
//	start   STARTING         its encoding is missing   found by its name, so    nothing to do
//	from a                   for the settle time, in   it is adopted
//	template                 a search and in the
//	                         whole list, so it is
//	                         started
//	stop    Step STOP        asked again               asked again: harmless    nothing to do
//	delete  orphan row       deleted                   404, so it is done       nothing to do
//
// A start from a template creates an encoding and starts it in one call, so that there is no
// encoding to poll before it. Instead the encoding of each attempt has a name of its own.
//
// An error that leaves open whether a call had its effect is treated like a crash after the
// call.
package dispatcher
