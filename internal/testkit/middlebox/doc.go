// Package middlebox is a proxy between gRPC clients and a server, for tests. It passes HTTP/2
// on frame by frame, and breaks chosen calls as proxies, load balancers and networks do: with
// RST_STREAM, with GOAWAY, with an HTML page instead of an answer, or without the end of an
// answer.
package middlebox
