// Package clients runs the example clients in other languages, as they stand in
// examples/, against the real service: a process of its own, on a simulator, that is
// killed in the midst of their watches. All of it is in the tests, which need node and
// npm, or Python with gRPC and protoc; with CI=true they fail without them.
package clients
