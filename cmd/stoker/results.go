package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// jobWriter prints jobs as they come.
type jobWriter interface {
	// begin is called once, before the first page is asked for.
	begin(ctx context.Context, conn *client.Client, batch string) error
	add(*stokerv1.Job) error
	end() error
}

func (c *cli) jobWriter(format string) (jobWriter, error) {
	out := bufio.NewWriterSize(c.stdout, 64<<10)
	switch {
	case format == "csv" && !c.json:
		return &jobCSV{out: out, w: csv.NewWriter(out)}, nil
	case format == "jsonl" && !c.json:
		return &jobLines{out: out}, nil
	case format != "table":
		return nil, usagef("--format %s: want table, csv or jsonl, or --json alone", format)
	case c.json:
		return &jobArray{out: out, array: jsonArray{w: out}}, nil
	}
	_, people := terminal(c.stdout)
	return &jobTable{cli: c, out: out, people: people}, nil
}

// listJobs prints page after page. What it keeps in memory is one page.
func listJobs(ctx context.Context, conn *client.Client, request *stokerv1.ListJobsRequest, to jobWriter) error {
	for {
		page, err := conn.Batches().ListJobs(ctx, request)
		if err != nil {
			return err
		}
		for _, j := range page.GetJobs() {
			if err := to.add(j); err != nil {
				return err
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return to.end()
		}
	}
}

// jobTable aligns columns for people, which takes all rows; programs get each row at once.
type jobTable struct {
	*cli
	out    *bufio.Writer
	people bool
	rows   [][]string
	some   bool
}

func (*jobTable) begin(context.Context, *client.Client, string) error { return nil }

func (t *jobTable) add(j *stokerv1.Job) error {
	t.some = true
	row := []string{j.GetId(), title(j), jobState(j.GetState()), fmt.Sprintf("%d%%", j.GetProgress()), itoa(j.GetAttempt()), reason(j)}
	if t.people {
		t.rows = append(t.rows, row)
		return nil
	}
	_, err := t.out.WriteString((&table{rows: [][]string{row}}).tabbed())
	return err
}

func (t *jobTable) end() error {
	switch {
	case !t.some:
		t.note("no jobs")
	case t.people:
		return t.printTable(table{header: []string{"JOB", "TITLE", "STATE", "PROGRESS", "ATTEMPT", "REASON"}, rows: t.rows})
	}
	return t.out.Flush()
}

// jobArray prints jobs as the API has them.
type jobArray struct {
	out   *bufio.Writer
	array jsonArray
}

func (*jobArray) begin(context.Context, *client.Client, string) error { return nil }
func (a *jobArray) add(j *stokerv1.Job) error                         { return a.array.add(j) }

func (a *jobArray) end() error {
	if err := a.array.end(); err != nil {
		return err
	}
	return a.out.Flush()
}

// storages are where the jobs of a batch are read from and written to: the names that
// the server knows them by, or their ids at the platform.
type storages struct {
	Input  string `json:"input"`
	Output string `json:"output"`
}

func storagesOf(ctx context.Context, conn *client.Client, batch string) (storages, error) {
	answer, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batch})
	if err != nil {
		return storages{}, err
	}
	b := answer.GetBatch()
	return storages{cmp.Or(b.GetInput(), b.GetInputId()), cmp.Or(b.GetOutput(), b.GetOutputId())}, nil
}

// jobLines prints an object per line: the API's job, after the storages.
type jobLines struct {
	out    *bufio.Writer
	prefix []byte
}

func (l *jobLines) begin(ctx context.Context, conn *client.Client, batch string) error {
	s, err := storagesOf(ctx, conn, batch)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	text = escaped(text)
	text[len(text)-1] = ',' // a job is never empty: it has an id
	l.prefix = text
	return nil
}

func (l *jobLines) add(j *stokerv1.Job) error {
	line, err := jsonLine(j)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{l.prefix, line[1:], {'\n'}} {
		if _, err := l.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (l *jobLines) end() error { return l.out.Flush() }

// jobColumns are the columns of a list in CSV. New ones are added at the end: programs
// count columns.
var jobColumns = []string{
	"id", "key", "name", "state", "attempts", "progress", "encoding_id",
	"input", "input_path", "output", "output_path",
	"create_time", "start_time", "queued_time", "running_time", "finish_time", "next_attempt_time", "run_seconds",
	"error_kind", "error_code", "error_category", "error_text", "error_retry_hint", "error_http_status", "error_request_id", "error_time",
	"reason", "wait_reason",
}

// jobCSV prints a row of jobColumns for each job, under a header.
type jobCSV struct {
	out *bufio.Writer
	w   *csv.Writer
	storages
}

func (t *jobCSV) begin(ctx context.Context, conn *client.Client, batch string) (err error) {
	if t.storages, err = storagesOf(ctx, conn, batch); err != nil {
		return err
	}
	return t.w.Write(jobColumns)
}

func (t *jobCSV) add(j *stokerv1.Job) error {
	row := []string{
		j.GetId(), j.GetKey(), j.GetName(), jobState(j.GetState()), itoa(j.GetAttempt()), itoa(j.GetProgress()), j.GetEncodingId(),
		t.Input, j.GetInputPath(), t.Output, j.GetOutputPath(),
		instant(j.GetCreateTime()), instant(j.GetStartTime()), instant(j.GetQueuedTime()), instant(j.GetRunningTime()),
		instant(j.GetFinishTime()), instant(j.GetNextAttemptTime()), runSeconds(j),
	}
	row = append(row, failureColumns(j.GetFailure())...)
	row = append(row, j.GetReason(), j.GetWaitReason())
	for i, cell := range row {
		row[i] = printable(cell) // CSV has no escapes; jsonl has every character
	}
	return t.w.Write(row)
}

func (t *jobCSV) end() error {
	t.w.Flush()
	if err := t.w.Error(); err != nil {
		return err
	}
	return t.out.Flush()
}

// failureColumns are the columns from error_kind to error_time; all of them are empty if
// nothing has failed.
func failureColumns(f *stokerv1.Failure) []string {
	if f == nil {
		return make([]string, 8)
	}
	return []string{
		enumName(f.GetKind().String(), "FAILURE_KIND_"), number(f.GetCode()), f.GetCategory(), failureText(f),
		f.GetRetryHint(), number(f.GetHttpStatus()), f.GetRequestId(), instant(f.GetTime()),
	}
}

// number is empty for 0, which stands for none.
func number(n int32) string {
	if n == 0 {
		return ""
	}
	return itoa(n)
}

// runSeconds is how long the job's last attempt ran on an encoder; empty if it has not
// ended, or was never seen to run.
func runSeconds(j *stokerv1.Job) string {
	if j.GetRunningTime() == nil || j.GetFinishTime() == nil {
		return ""
	}
	d := j.GetFinishTime().AsTime().Sub(j.GetRunningTime().AsTime())
	return strconv.FormatFloat(max(d, 0).Seconds(), 'f', -1, 64)
}

// instant is a time for programs, in UTC and as exact as it is known; empty if it is not set.
func instant(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339Nano)
}
