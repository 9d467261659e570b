// Package logdedup writes a wall of equal log lines as one line with a count and a time
// span, and cuts long texts in lines.
//
// The first of equal lines is written at once. Those that follow it are counted, and at
// the end of an interval the latest of them is written with how many there were
// (repeated) and when the first and the last of them came (since, until). The next
// interval is twice as long. When one ends in which nothing came, the line is forgotten:
// the next one like it is written at once again.
//
// Lines are equal if level, message and attributes are, apart from what differs on each
// occurrence:
//
//   - in all lines times, durations, those of a call as well (grpc.start_time,
//     grpc.request.deadline, grpc.duration), and the port of its caller (peer.address);
//   - in lines about a failure, which have an attribute "err" or "grpc.error", also numbers,
//     what the failure met (job, encoding, batch, subject, name), and in the text
//     of the failure whatever looks like an id, a port, an amount or a request's id. That
//     a thousand jobs meet the same refusal is one thing to know and not a thousand.
//
// What reports something else, such as an encoding that nobody knows, is told for each of
// them. Lines below INFO are not compared: whoever asks for them wants all.
package logdedup
