// Package clients tests clients against the real service, which runs as a process on a simulator and
// is killed during their watches. The clients are the examples in other languages, unchanged from
// examples/, and the Go client, whose watches are checked as histories. The package consists of tests.
// The examples need node and npm, or Python with gRPC and protoc; with CI=true the tests fail without
// them, otherwise they are skipped.
package clients
