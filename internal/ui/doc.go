// Package ui renders for people and for programs: tables, JSON, CSV, the live screen and the log of a
// watched batch, the progress of an upload.
//
// It takes messages of the contract, or plain values, and a writer; it makes no call and knows no
// command line. Names, reasons and errors are other people's texts: every renderer passes them through
// [Printable], or escapes them in JSON.
package ui
