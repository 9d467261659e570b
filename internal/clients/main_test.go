package clients

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs more tests side by side than there are processors: they mostly wait for programs in
// other languages, which wait before they repeat a call.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
