// Package jssdk runs the official JavaScript SDK, unmodified, against the
// simulator: the proof that the simulator answers as that SDK expects. All of
// it is in the test, which needs node and npm; with CI=true it fails without
// them.
package jssdk
