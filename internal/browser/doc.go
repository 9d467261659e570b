// Package browser tests the page in a real browser, Chromium, against a service in this process with a
// simulated platform. The tests themselves are in web/test, for Playwright; this package starts what they need,
// and lets them stop and cut off the service. They need node, npm and chromium; with CI=true they fail without
// them, otherwise they are skipped. The environment variables PAT, a pattern of names, and FILES, files of
// web/test, choose some of them.
package browser
