// Package transcript stores output of a test for people to read, such as what a program in another
// language printed. With go test -artifacts the output stays in files named transcript.txt, which .ci/run
// prints. Without that flag it is deleted when the test ends.
package transcript

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Add adds one or more lines to the transcript of a test. The first call adds the test's name above them.
func Add(t *testing.T, format string, args ...any) {
	t.Helper()
	path := filepath.Join(t.ArtifactDir(), "transcript.txt")
	text := fmt.Sprintf(format+"\n", args...)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		text = "--- " + t.Name() + "\n" + text
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
}
