//go:build race

package e2e

// raceDetector says that the tests run under the race detector; the binary is
// then built with it as well.
const raceDetector = true
