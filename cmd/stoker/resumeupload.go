package main

import (
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

// checkResume decides from the latest upload of a list, which is batch b, whether to go on with it.
// It returns an error if the list needs --resume, or can no longer be resumed.
func (c *cli) checkResume(b *stokerv1.Batch, total int64, resume bool) (resumed bool, err error) {
	state := b.GetState()
	takesMore := state == stokerv1.BatchState_BATCH_STATE_OPEN || state == stokerv1.BatchState_BATCH_STATE_PAUSED
	complete := uploadedCount(b) >= total
	switch {
	case resume && !takesMore && !complete:
		return false, usagef("batch %s has %d of %d jobs and takes no more: it is %s; without --resume the whole list is submitted anew",
			b.GetId(), uploadedCount(b), total, ui.BatchState(state))
	case resume:
		return true, nil
	case state == stokerv1.BatchState_BATCH_STATE_OPEN, takesMore && !complete:
		return false, usagef("an upload of this list is not finished: batch %s has %d of %d jobs\nto go on: %s\nto begin anew: stoker cancel %s, and then this command again",
			b.GetId(), uploadedCount(b), total, c.sameCommand(true), b.GetId())
	}
	return false, nil
}

// uploadedCount is how many jobs of a list a batch has taken, those included that it skips because
// they have succeeded before.
func uploadedCount(b *stokerv1.Batch) int64 { return b.GetJobCount() + b.GetSkippedCount() }

// resumeRequestID is the request id for --resume: two commands that begin the same list at the same
// moment share a batch by it.
func resumeRequestID(digest string) string { return "resume-" + digest }

// sameCommand is the present command line, quoted for a shell, with --resume added if that is asked.
func (c *cli) sameCommand(resume bool) string {
	words := []string{"stoker"}
	for _, arg := range c.args {
		words = append(words, shellQuote(arg))
		resume = resume && arg != "--resume"
	}
	if resume {
		words = append(words, "--resume")
	}
	return strings.Join(words, " ")
}

// shellQuote is a word as a shell has to read it.
func shellQuote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
