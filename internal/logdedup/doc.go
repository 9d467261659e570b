// Package logdedup reduces repeated log lines to one line with a count and a time span, and
// shortens long texts in lines.
//
// The first of several equal lines is written at once. Those that follow are counted. At the
// end of an interval the latest of them is written with the attributes repeated (how many
// there were), since (the time of the first) and until (the time of the last). The next
// interval is twice as long. After an interval without such a line the count ends: the next
// equal line is written at once again.
//
// Two lines are equal if their level, message and attributes are equal. The comparison leaves
// out what differs with each occurrence:
//
//   - in all lines: times and durations, the id of a call (call_id, request_id), and in the
//     message everything that looks like an id, a port or an amount;
//   - in lines about a failure, which have an attribute "err": also attributes
//     that are numbers, the object that failed (job, encoding, batch, subject, name), and in
//     the text of the failure everything that looks like an id, a port or an amount, and the
//     request id. So a thousand jobs that are refused for one reason are one line.
//
// Lines about anything but a failure, such as an unknown encoding, are written for each object.
// Of lines with one message that are not equal, such as those about what callers change, 300 are
// written in a minute. The others are counted, and the latest of them is written at the end of the
// minute with the attribute left_out, so that no load fills the disk.
//
// Lines below INFO are never counted, because whoever turns on debugging wants to see all of
// them. Nor are those that answer somebody: see [Each].
package logdedup
