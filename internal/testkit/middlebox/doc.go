// Package middlebox is a proxy between gRPC clients and a server, for tests. It passes HTTP/2 frames on,
// and breaks chosen calls as proxies, load balancers and networks do: with RST_STREAM, with GOAWAY, with an
// HTML page instead of an answer, or with an answer that does not end.
package middlebox
