package ui

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// JobWriter writes a list of jobs, each with a call of Add. The output is complete only after End.
type JobWriter interface {
	Add(*stokerv1.Job) error
	End() error
}

// Storages identifies the input and the output storage of a batch, each by its configured name or by its
// id at the platform.
type Storages struct {
	Input  string `json:"input"`
	Output string `json:"output"`
}

func buffered(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }

// jobTable writes a table. For a terminal it keeps all rows until End, because the columns are aligned;
// otherwise it keeps none.
type jobTable struct {
	out     io.Writer
	rows    *bufio.Writer
	aligned bool
	table   Table
}

// NewJobTable writes jobs as a [Table]. Without jobs it writes nothing, not even a header.
func NewJobTable(w io.Writer) JobWriter {
	_, aligned := Terminal(w)
	return &jobTable{
		out: w, rows: buffered(w), aligned: aligned,
		table: Table{Header: []string{"JOB", "TITLE", "STATE", "PROGRESS", "ATTEMPT", "REASON"}},
	}
}

func (t *jobTable) Add(j *stokerv1.Job) error {
	row := []string{j.GetId(), JobTitle(j), JobState(j.GetState()), fmt.Sprintf("%d%%", j.GetProgress()), itoa(j.GetAttempt()), jobReason(j)}
	if !t.aligned {
		return WriteRow(t.rows, row...)
	}
	t.table.AddRow(row...)
	return nil
}

func (t *jobTable) End() error {
	if len(t.table.Rows) > 0 {
		return t.table.Write(t.out)
	}
	return t.rows.Flush()
}

// jobArray writes one array of JSON.
type jobArray struct {
	out   *bufio.Writer
	array *JSONArray
}

// NewJobArray writes jobs as one JSON array of API messages.
func NewJobArray(w io.Writer) JobWriter {
	out := buffered(w)
	return &jobArray{out: out, array: NewJSONArray(out)}
}

func (a *jobArray) Add(j *stokerv1.Job) error { return a.array.Add(j) }

func (a *jobArray) End() error {
	if err := a.array.End(); err != nil {
		return err
	}
	return a.out.Flush()
}

// jobLines writes JSON Lines.
type jobLines struct {
	out    *bufio.Writer
	prefix []byte // how every line begins: the storages
}

// NewJobLines writes jobs as JSON Lines. Each line has the fields of s, and then those of the API's job.
func NewJobLines(w io.Writer, s Storages) (JobWriter, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	text = escapeHidden(text)
	text[len(text)-1] = ',' // more fields follow: every job has an id
	return &jobLines{out: buffered(w), prefix: text}, nil
}

func (l *jobLines) Add(j *stokerv1.Job) error {
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

func (l *jobLines) End() error { return l.out.Flush() }

// jobColumns are the columns of the CSV. A new one is added at the end, because programs may address
// columns by their numbers.
var jobColumns = []string{
	"id", "key", "name", "state", "attempts", "progress", "encoding_id",
	"input", "input_path", "output", "output_path",
	"create_time", "start_time", "queued_time", "running_time", "finish_time", "next_attempt_time", "run_seconds",
	"error_kind", "error_code", "error_category", "error_text", "error_retry_hint", "error_http_status", "error_request_id", "error_time",
	"reason", "wait_reason",
}

// jobCSV writes CSV.
type jobCSV struct {
	out      *bufio.Writer
	csv      *csv.Writer
	storages Storages
	cell     func(string) string // what is written for a value
}

// NewJobCSV writes jobs as CSV: a header, even without jobs, and a row for each job.
func NewJobCSV(w io.Writer, s Storages) (JobWriter, error) {
	out := buffered(w)
	t := &jobCSV{out: out, csv: csv.NewWriter(out), storages: s, cell: Printable}
	return t, t.csv.Write(jobColumns)
}

// NewSpreadsheetCSV is [NewJobCSV] for a spreadsheet: with a byte order mark, by which Excel knows UTF-8,
// and with an apostrophe before every value that a spreadsheet would take for a formula.
func NewSpreadsheetCSV(w io.Writer, s Storages) (JobWriter, error) {
	out := buffered(w)
	if _, err := out.WriteString("\ufeff"); err != nil {
		return nil, err
	}
	t := &jobCSV{out: out, csv: csv.NewWriter(out), storages: s, cell: withoutFormula}
	return t, t.csv.Write(jobColumns)
}

// withoutFormula is a value as a cell that no spreadsheet takes for a formula. Some spreadsheets look
// behind blanks, and some know the wide forms of the characters as well.
func withoutFormula(value string) string {
	value = Printable(value)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(value, unicode.IsSpace))
	if strings.ContainsRune("=+-@＝＋－＠", first) && value != "" {
		return "'" + value
	}
	return value
}

func (t *jobCSV) Add(j *stokerv1.Job) error {
	row := []string{
		j.GetId(), j.GetKey(), j.GetName(), JobState(j.GetState()), itoa(j.GetAttempt()), itoa(j.GetProgress()), j.GetEncodingId(),
		t.storages.Input, j.GetInputPath(), t.storages.Output, j.GetOutputPath(),
		formatExactTime(j.GetCreateTime()), formatExactTime(j.GetStartTime()), formatExactTime(j.GetQueuedTime()), formatExactTime(j.GetRunningTime()),
		formatExactTime(j.GetFinishTime()), formatExactTime(j.GetNextAttemptTime()), runSeconds(j),
	}
	row = append(row, failureColumns(j.GetFailure())...)
	row = append(row, j.GetReason(), j.GetWaitReason())
	for i, value := range row {
		row[i] = t.cell(value) // CSV has no escapes; JSON keeps every character
	}
	return t.csv.Write(row)
}

func (t *jobCSV) End() error {
	t.csv.Flush()
	if err := t.csv.Error(); err != nil {
		return err
	}
	return t.out.Flush()
}

// failureColumns are the columns from error_kind to error_time. All are empty without a failure.
func failureColumns(f *stokerv1.Failure) []string {
	if f == nil {
		return make([]string, 8)
	}
	return []string{
		enumName(f.GetKind().String(), "FAILURE_KIND_"), nonZero(f.GetCode()), f.GetCategory(), failureText(f),
		f.GetRetryHint(), nonZero(f.GetHttpStatus()), f.GetRequestId(), formatExactTime(f.GetTime()),
	}
}

// nonZero is a number as text; empty for 0, which means that the field is not set.
func nonZero(n int32) string {
	if n == 0 {
		return ""
	}
	return itoa(n)
}

// runSeconds is how many seconds the latest attempt of a job ran on an encoder. It is empty if the
// attempt has not ended, or was never seen to run.
func runSeconds(j *stokerv1.Job) string {
	if j.GetRunningTime() == nil || j.GetFinishTime() == nil {
		return ""
	}
	d := j.GetFinishTime().AsTime().Sub(j.GetRunningTime().AsTime())
	return strconv.FormatFloat(Seconds(max(d, 0)), 'f', -1, 64)
}
