// Package ui says what the messages of the contract look like: the columns of each listing, the page that
// explains a batch, a job or an account, the live screen and the log of a watched batch, and the progress of
// an upload. Package output prints them.
//
// The package makes no call and reads no flags. Names, reasons and errors come from users and from the
// platform, and may contain control characters: everything goes through package output, or through its
// Printable.
package ui
