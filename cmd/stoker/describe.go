package main

import (
	"strings"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// refTitle is [ui.BatchTitle] for a reference.
func refTitle(r *stokerv1.BatchRef) string {
	return ui.BatchTitle(&stokerv1.Batch{Id: r.GetId(), Number: r.GetNumber(), DisplayName: r.GetDisplayName()})
}

// jobName is what a job is typed as: the numbers of batch and job.
func jobName(j *stokerv1.Job) string { return ui.JobName(j) }

// jobTitle is what people call a job in a sentence.
func jobTitle(j *stokerv1.Job) string { return jobName(j) + " " + ui.JobTitle(j) }

// batchState is the state of a batch as --state takes it.
func batchState(b *stokerv1.Batch) string { return strings.ToLower(ui.BatchState(b.GetState())) }

// jobState is the state of a job as --state takes it.
func jobState(j *stokerv1.Job) string { return strings.ToLower(ui.JobState(j.GetState())) }

// candidateTable is a table of the things that a name may stand for, below an error.
func candidateTable[T proto.Message](c *cli, listing output.Listing[T], things []T, columns ...string) string {
	var table strings.Builder
	to, err := listing.NewWriter(&table, c.look(c.stderr), output.Options{Columns: columns})
	if err == nil {
		err = writeAll(to, things)
	}
	if err != nil {
		return err.Error() // a builder takes everything, and every test of an ambiguous name finds a wrong column
	}
	return strings.TrimRight(table.String(), "\n")
}

// batchTable is [candidateTable] for batches.
func (n naming) batchTable(batches []*stokerv1.Batch) string {
	return candidateTable(n.c, ui.Batches(), batches, "batch", "name", "state", "id")
}

// jobTable is [candidateTable] for jobs.
func (n naming) jobTable(jobs []*stokerv1.Job) string {
	return candidateTable(n.c, ui.Jobs(), jobs, "job", "key", "state", "id")
}

// capitalised is a word as the first of a sentence.
func capitalised(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
