// Package jssdk tests the simulator with the official, unmodified JavaScript SDK, and compares the
// enumerations of recipes, storages and simulator with those of the SDK. The package consists
// of tests, which need node and npm; with CI=true they fail without them, otherwise they are skipped.
package jssdk
