package main

import (
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

// checkResume decides whether to go on with batch b, the latest upload of a list of total jobs. It returns
// an error if b is unfinished and resume, the flag, is false, or if b takes no more jobs and resume is true.
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

// resumeRequestID is the request id for --resume. Two commands that begin to upload the same list at the
// same moment have the same one, and so fill one batch.
func resumeRequestID(digest string) string { return "resume-" + digest }

// sameCommand is the command line of this process, quoted for a shell. With resume, it ends in --resume
// unless that is in it.
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

// commandWith is the command line of this process with another value of a flag, quoted for a shell.
func (c *cli) commandWith(flag, value string) string {
	words := []string{"stoker"}
	for i, arg := range c.args {
		if arg != flag && !strings.HasPrefix(arg, flag+"=") && (i == 0 || c.args[i-1] != flag) {
			words = append(words, shellQuote(arg))
		}
	}
	return strings.Join(append(words, flag, shellQuote(value)), " ")
}

// shellQuote quotes a word for a POSIX shell, if it needs quotes.
func shellQuote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
