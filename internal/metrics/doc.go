// Package metrics collects what /metrics tells: of accounts, jobs, calls, the platform, the job table and the
// process, in Prometheus' format.
//
// Every label has a closed set of values: Prometheus keeps a series for each value of a label, and what
// callers or the platform write has no end. A value that is not in its set is counted as "other". Texts are in
// the log and the API.
package metrics
