// Package job is the vocabulary of Stoker: batches, jobs, attempts, recipes,
// the states a job can be in and the only ways it may move between them.
//
// Everything here is a plain value and every rule is a pure function, so that
// the job table, the dispatcher and the API speak about the same things
// without knowing each other. The package imports the standard library only.
//
// The rules live in three places:
//
//   - state.go holds the transition table. Nothing moves a job in any other way.
//   - update.go applies what happened (a start was accepted, the platform
//     reported RUNNING, somebody asked to cancel) to a job. Facts can arrive late,
//     twice and out of order; a stale one changes nothing.
//   - batch.go derives a batch's state from the counts of its jobs.
package job
