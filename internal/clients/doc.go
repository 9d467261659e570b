// Package clients runs clients against the real service: a process of its own, on a
// simulator, that is killed in the midst of their watches. They are the examples in
// other languages, as they stand in examples/, and the Go client, whose watches are
// judged as histories. All of it is in the tests. The examples need node and npm, or
// Python with gRPC and protoc; with CI=true the tests fail without them.
package clients
