package main

import (
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// printJob prints the job that a call has changed. If err, the error of the call, is not nil, it returns
// err.
func (c *cli) printJob(j *stokerv1.Job, err error) error {
	return c.printChanged(j, err, j.GetId(), ui.JobState(j.GetState()))
}

// printBatch is [cli.printJob] for a batch.
func (c *cli) printBatch(b *stokerv1.Batch, err error) error {
	return c.printChanged(b, err, b.GetId(), ui.BatchState(b.GetState()))
}

// printAccount is [cli.printJob] for an account.
func (c *cli) printAccount(a *stokerv1.Account, err error) error {
	state := "WORKING"
	if a.GetPaused() {
		state = "PAUSED"
	}
	return c.printChanged(a, err, a.GetId(), state)
}

// printChanged prints a resource that a call has changed: as JSON if asked, else its id and state.
func (c *cli) printChanged(m proto.Message, err error, id, state string) error {
	switch {
	case err != nil:
		return err
	case c.out.ForPrograms():
		return c.printMessage(m)
	}
	return output.WriteRow(c.stdout, id, state)
}
