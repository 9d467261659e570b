// Package job is the vocabulary of Stoker: batches, jobs, attempts and recipes, the states of a
// job, and its allowed moves between states.
//
// Types are plain values and rules are pure functions, so that the job table, the dispatcher and the
// API share them without knowing each other. The package imports the standard library only.
//
// The rules are in three files:
//
//   - state.go has the transition table. Jobs change their state in no other way.
//   - update.go and observe.go apply facts to a job: a start was accepted, the platform reported
//     RUNNING, a cancellation was requested. Facts can arrive late, twice and out of order. An
//     outdated fact changes nothing.
//   - batch.go derives the state of a batch from the counts of its jobs.
//
// explain.go finds out why a job waits, and wait.go puts the reason into words. limits.go has the
// limits and defaults that the server, its clients and the configuration share.
package job
