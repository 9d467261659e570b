// Package middlebox is a proxy between gRPC clients and a server, for tests: it passes
// HTTP/2 on frame by frame, and breaks the calls that it is told to break, in the ways in
// which proxies, load balancers and connections do that: RST_STREAM, GOAWAY, an HTML page
// instead of an answer, an answer without its end.
package middlebox
