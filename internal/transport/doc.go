// Package transport is how connections arrive: listeners on TCP and on Unix sockets, TLS whose files are taken
// up anew when they change, and the limits that hold before anybody is known.
//
// [Listen] opens a listener and bounds its connections, in all and for each address, and how fast an address
// makes new ones. A connection beyond a bound is closed at once. [Certificates] keeps what TLS needs, and gives it to gRPC
// ([Certificates.Credentials]) and to HTTP ([NewHTTPServer]).
package transport
