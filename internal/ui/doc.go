// Package ui renders for people and for programs: tables, JSON, CSV, the live screen and the log of a
// watched batch, the progress of an upload.
//
// It renders messages of the API, or plain values, to a writer. It makes no call and reads no flags.
// Names, reasons and errors come from users and from the platform, and may contain control characters:
// every renderer passes them through [Printable], or escapes them in JSON.
package ui
