// Package gateway serves the gRPC services over HTTP: to browsers, to curl, and to everything else that
// speaks JSON and not gRPC. It also serves the page.
//
// A call goes to the handler of the gRPC server, whichever protocol it came in. So validation, limits,
// errors and logging are those of the server, and nothing of them is here. There are four protocols:
//
//   - plain JSON: a POST of the request to /PACKAGE.SERVICE/METHOD answers with the response. A method that
//     streams answers with one message on each line; see lines.go.
//   - Connect and gRPC-Web, which browsers speak.
//   - gRPC itself, over HTTP/2.
//
// The JSON of a message has the field names of the contract and leaves out fields that are not set. A
// request may have the names in camel case instead. A field that the request does not have is refused.
//
// # Strangers
//
// A browser makes calls for every page that is open in it. So a call from a page of another origin is
// refused with 403. So is, with 421, every request that reached this server by a name that is not its own:
// whoever made the name may have pointed it here, and to the browser its page is of the same origin.
package gateway
