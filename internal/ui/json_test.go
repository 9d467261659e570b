package ui

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestWithoutSpaces(t *testing.T) {
	for _, line := range []string{
		`{}`,
		`{"a": 1, "b": [true, null, -0.5], "c": {"d": "e"}}`,
		`{"a": " ", "b  c": "d, e: f"}`,
		`["\"", " \\", "\\\" ", "\\\\", " \u0020"]`,
		`["a\" , \"b", "c"]`,
		`["日本, 語", "\ud83d\ude00 "]`,
	} {
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(line)); err != nil {
			t.Fatal(err)
		}
		if got := withoutSpaces([]byte(line)); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: got %s, want %s", line, got, &want)
		}
	}
}
