package ui

import (
	"strings"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestEveryWaitSaysWhatChangesIt holds that no reason for waiting leaves a user without the next step.
func TestEveryWaitSaysWhatChangesIt(t *testing.T) {
	for number, name := range stokerv1.WaitCode_name {
		code := stokerv1.WaitCode(number)
		words := changeWords(&stokerv1.Wait{Code: code}, "411", "default")
		if nothing := code == stokerv1.WaitCode_WAIT_CODE_UNSPECIFIED || code == stokerv1.WaitCode_WAIT_CODE_IDLE; (words == "") != nothing {
			t.Errorf("%s: %q", name, words)
		}
		if strings.Contains(words, "BATCH") || strings.Contains(words, "ACCOUNT") {
			t.Errorf("%s does not name what it is about: %q", name, words)
		}
	}
}
