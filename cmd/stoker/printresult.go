package main

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

// printJob prints the job that a call has changed. If err, the error of the call, is not nil, it returns
// err.
func (c *cli) printJob(j *stokerv1.Job, err error) error {
	switch {
	case err != nil:
		return err
	case c.json:
		return c.printJSON(j)
	}
	return ui.WriteRow(c.stdout, j.GetId(), ui.JobState(j.GetState()))
}

// printBatch is [cli.printJob] for a batch.
func (c *cli) printBatch(b *stokerv1.Batch, err error) error {
	switch {
	case err != nil:
		return err
	case c.json:
		return c.printJSON(b)
	}
	return ui.WriteRow(c.stdout, b.GetId(), ui.BatchState(b.GetState()))
}

// printAccount is [cli.printJob] for an account.
func (c *cli) printAccount(a *stokerv1.Account, err error) error {
	switch {
	case err != nil:
		return err
	case c.json:
		return c.printJSON(a)
	}
	state := "WORKING"
	if a.GetPaused() {
		state = "PAUSED"
	}
	return ui.WriteRow(c.stdout, a.GetId(), state)
}
