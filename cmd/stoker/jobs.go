package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func (c *cli) jobsCommand() *cobra.Command {
	var states, keys []string
	var format string
	cmd := &cobra.Command{
		Use:   "jobs BATCH",
		Short: "List the jobs of a batch",
		Long: `List the jobs of a batch in submission order. --format says how: table, csv
(with a header) or jsonl (one object per line: the API's job, with the storages of its
batch as input and output). Rows are printed as they come, however many there are; each
shows its job at one moment during the list.`,
		Example: `  stoker jobs 0192f0c1-... --state failed
  stoker jobs 0192f0c1-... --state succeeded --format csv > results.csv`,
		Args: oneArg,
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			request := &stokerv1.ListJobsRequest{BatchId: args[0], Keys: keys, PageSize: maxPage}
			var err error
			if request.States, err = jobStates(states, allJobStates()); err != nil {
				return err
			}
			to, err := c.jobWriter(format)
			if err != nil {
				return err
			}
			if err := to.begin(ctx, conn, args[0]); err != nil {
				return err
			}
			return listJobs(ctx, conn, request, to)
		}),
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only jobs in this state, such as failed; may be repeated")
	cmd.Flags().StringArrayVar(&keys, "key", nil, "only the job with this key; may be repeated")
	cmd.Flags().StringVar(&format, "format", "table", "table, csv or jsonl")
	complete(cmd, "state", lowerNames(stokerv1.JobState_name, "JOB_STATE_"))
	complete(cmd, "format", []string{"table", "csv", "jsonl"})
	return cmd
}

// reason is why a job is where it is, as far as that needs a reason: what it waits for, and
// after what.
func reason(j *stokerv1.Job) string {
	switch {
	case j.GetState() == stokerv1.JobState_JOB_STATE_FAILED:
		return failure(j)
	case j.GetWaitReason() == "" || j.GetReason() == "":
		return j.GetReason() + j.GetWaitReason()
	}
	return j.GetWaitReason() + " (after: " + j.GetReason() + ")"
}

func (c *cli) jobCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "job JOB",
		Short:   "Show a job with its attempts and its history",
		Example: "  stoker job 0192f0c1-.../17",
		Args:    oneArg,
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			answer, err := conn.Batches().GetJob(ctx, &stokerv1.GetJobRequest{JobId: args[0]})
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(answer)
			}
			_, err = io.WriteString(c.stdout, describeJob(answer))
			return err
		}),
	}
}

// describeJob tells everything about a job.
func describeJob(answer *stokerv1.GetJobResponse) string {
	j := answer.GetJob()
	text := describe([][2]string{
		{"job", j.GetId()},
		{"key", j.GetKey()},
		{"name", j.GetName()},
		{"input", j.GetInputPath()},
		{"output", j.GetOutputPath()},
		{"state", fmt.Sprintf("%s, %d %%", jobState(j.GetState()), j.GetProgress())},
		{"reason", reason(j)},
		{"encoding", j.GetEncodingId()},
		{"platform status", platformStatus(j)},
		{"not before", moment(j.GetNextAttemptTime())},
		{"waits since", moment(j.GetWait().GetSince())},
		{"until", moment(j.GetWait().GetUntil())},
	})
	if attempts := answer.GetAttempts(); len(attempts) > 0 {
		list := table{header: []string{"ATTEMPT", "STATE", "STARTED", "ENDED", "ENCODING", "REASON"}}
		for _, a := range attempts {
			why := ""
			if a.GetFailure() != nil {
				why = failure(&stokerv1.Job{Failure: a.GetFailure()})
			}
			list.row(itoa(a.GetNumber()), jobState(a.GetState()), moment(a.GetStartTime()), moment(a.GetFinishTime()), a.GetEncodingId(), why)
		}
		text += "\n" + list.aligned()
	}
	list := table{header: []string{"TIME", "FROM", "TO", "ATTEMPT", "REASON"}}
	for _, e := range answer.GetEvents() {
		from := "-"
		if e.GetFrom() != stokerv1.JobState_JOB_STATE_UNSPECIFIED {
			from = jobState(e.GetFrom())
		}
		list.row(moment(e.GetTime()), from, jobState(e.GetTo()), itoa(e.GetAttempt()), e.GetReason())
	}
	return text + "\n" + list.aligned()
}

// platformStatus is the platform's word for a status that the server does not know.
func platformStatus(j *stokerv1.Job) string {
	if j.GetPlatformStatus() == "" {
		return ""
	}
	return j.GetPlatformStatus() + " (not known) since " + moment(j.GetPlatformStatusTime())
}

// describe is names and values, one pair per line; empty values are left out.
func describe(pairs [][2]string) string {
	list := table{header: []string{"", ""}}
	for _, p := range pairs {
		if p[1] != "" {
			list.row(p[0], p[1])
		}
	}
	text := list.aligned()
	return text[1:] // without the header, which is an empty line
}
