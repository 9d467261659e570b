// Package job is the vocabulary of Stoker: batches, jobs, attempts, recipes,
// the states a job can be in and the only ways it may move between them.
//
// Every type is a plain value and every rule a pure function, so that the job table, the dispatcher
// and the API share them without knowing each other. The package imports the standard library only.
//
// The rules are in three files:
//
//   - state.go has the transition table. Jobs change their state in no other way.
//   - update.go and observe.go apply facts to a job: a start was accepted, the platform reported
//     RUNNING, a cancellation was requested. Facts can arrive late, twice and out of order. An
//     outdated fact changes nothing.
//   - batch.go derives the state of a batch from the counts of its jobs.
//
// explain.go says why a job waits, wait.go puts that into words, and limits.go has the limits and
// defaults that the server, its clients and the configuration share.
package job
