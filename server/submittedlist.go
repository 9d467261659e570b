package server

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/job"
)

// listField is the list of a submission.
const listField = "list"

// maxListBytes is the size of the largest list in a request, in bytes.
const maxListBytes = 24 << 20

// maxUnpackedBytes is the size of the largest list in a request that was packed by gzip, in bytes. Without this bound a few
// megabytes would become gigabytes.
const maxUnpackedBytes = 64 << 20

// submittedList is the list of a submission.
type submittedList struct {
	message *stokerv1.JobList
	size    int // in bytes, without packing
	options joblist.Options
	list    *joblist.List // as it was read

	variables map[string]int64 // how many jobs of the list define each variable
}

// takeList replaces the list of a submission by its jobs; nil without a list. The error is a [*job.InvalidError], or says
// that there is no room. free has to be called when the jobs are not needed any more.
func takeList(ctx context.Context, r *room, req *stokerv1.SubmitBatchRequest) (l *submittedList, free func(), err error) {
	free = func() {}
	if req.GetList() == nil {
		return nil, free, nil
	}
	if l, err = openList(req); err != nil {
		return nil, free, err
	}
	if free, err = l.makeRoom(ctx, r); err != nil {
		return nil, free, err
	}
	err = l.takeJobs(ctx, req)
	if wrong, ok := errors.AsType[*joblist.Error](err); ok {
		err = listError(wrong)
	}
	return l, free, err
}

const (
	// jobMemory is what the jobs of a list take at most for each of its bytes, as a job whose line has nothing but a
	// letter does, and maxJobMemory what they take at most beside the list itself, in bytes.
	jobMemory, maxJobMemory = 256, 64 << 20
	// maxListMemory is what one list takes at most.
	maxListMemory = maxUnpackedBytes + maxJobMemory
)

// makeRoom waits until there is room for the list and its jobs. free has to be called when they are not needed any more.
func (l *submittedList) makeRoom(ctx context.Context, r *room) (free func(), err error) {
	held, err := r.reserve(ctx, callerName(ctx), l.size+min(l.size*jobMemory, maxJobMemory))
	if err != nil {
		return func() {}, err
	}
	return held.release, nil
}

// openList checks how the list of a submission is to be read. The error is a [*job.InvalidError]. The list of
// a template need not have input paths.
func openList(req *stokerv1.SubmitBatchRequest) (*submittedList, error) {
	var found findings
	m := req.GetList()
	l := &submittedList{message: m, options: joblist.Options{
		Name: cmp.Or(m.GetName(), "list"), Format: listFormat(m.GetFormat()),
		ForTemplate: req.GetTemplate() != "" || req.GetInlineTemplate() != nil,
		MaxJobs:     job.MaxRequestJobs, MaxEntries: maxElements,
	}}
	found.checkText(listField+".name", m.GetName())
	if len(req.GetJobs()) > 0 {
		found.add(listField, "excludes jobs")
	}
	n := len(m.GetText()) + len(m.GetData())
	l.size = max(n, unpackedSize(m.GetData(), maxUnpackedBytes+1))
	switch {
	case n == 0:
		found.add(listField, "is empty: set text or data")
	case n > maxListBytes:
		found.add(listField, "has %d bytes: want at most %d; send the jobs in parts with AddJobs, as stoker submit does", n, maxListBytes)
	case l.size > maxUnpackedBytes:
		found.add(listField, "unpacks to more than %d bytes; send the jobs in parts with AddJobs, as stoker submit does", maxUnpackedBytes)
	}
	var columns []string
	for _, theirs := range slices.Sorted(maps.Keys(m.GetColumns())) {
		columns = append(columns, theirs+"="+m.GetColumns()[theirs])
	}
	var err error
	if l.options.Columns, err = joblist.ParseColumns(columns); err != nil {
		found.add(listField+".columns", "%s", err.Error())
	}
	if l.options.Charset, err = joblist.ParseCharset(m.GetCharset()); err != nil {
		found.add(listField+".charset", "%s", err.Error())
	} else if m.GetText() != "" && l.options.Charset.Converts() {
		found.add(listField+".charset", "is for data: text has no charset of its own")
	}
	return l, found.err()
}

// unpackedSize is how many bytes there are in a gzip file, counted up to a limit; 0 if data are none.
func unpackedSize(data []byte, limit int64) int {
	unpacked, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return 0 // no gzip file, or one that the reader of lists refuses
	}
	n, _ := io.Copy(io.Discard, io.LimitReader(unpacked, limit)) // an error is the reader's too
	return int(n)
}

func listFormat(f stokerv1.ListFormat) joblist.Format {
	switch f {
	case stokerv1.ListFormat_LIST_FORMAT_CSV:
		return joblist.CSV
	case stokerv1.ListFormat_LIST_FORMAT_JSON:
		return joblist.JSONL
	case stokerv1.ListFormat_LIST_FORMAT_PATHS:
		return joblist.Paths
	case stokerv1.ListFormat_LIST_FORMAT_S3_INVENTORY:
		return joblist.S3Inventory
	case stokerv1.ListFormat_LIST_FORMAT_S3_LISTING:
		return joblist.S3Listing
	}
	return joblist.Auto
}

// reader reads the content of the list, until the call of ctx ends.
func (l *submittedList) reader(ctx context.Context) io.Reader {
	if text := l.message.GetText(); text != "" {
		return callReader{ctx, strings.NewReader(text)}
	}
	return callReader{ctx, bytes.NewReader(l.message.GetData())}
}

// callReader reads for a call: nobody waits for what is read when that has ended.
type callReader struct {
	ctx context.Context //nolint:containedctx // a reader is given none
	io.Reader
}

func (r callReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// takeJobs reads the list, and replaces it in req by its jobs. The error of a list with mistakes is a
// [*joblist.Error].
func (l *submittedList) takeJobs(ctx context.Context, req *stokerv1.SubmitBatchRequest) error {
	list, err := joblist.Read(l.reader(ctx), l.options)
	if err != nil {
		return err
	}
	if list.Cut {
		has := fmt.Sprintf("%d jobs", job.MaxRequestJobs)
		if len(list.Jobs) <= job.MaxRequestJobs {
			has = fmt.Sprintf("%d jobs and variables", maxElements)
		}
		return &joblist.Error{Name: list.Name, Mistakes: []joblist.Mistake{{
			Text: "the list has more than " + has + ": send the jobs in parts with AddJobs, as stoker submit does",
		}}}
	}
	if req.GetSkipSucceeded() {
		list.FillKeys()
	}
	req.List, req.Jobs = nil, make([]*stokerv1.JobSpec, len(list.Jobs))
	l.variables = map[string]int64{}
	for i, j := range list.Jobs {
		for name := range j.Variables {
			l.variables[name]++
		}
		req.Jobs[i] = &stokerv1.JobSpec{Key: j.Key, Name: j.Name, InputPath: j.InputPath, OutputPath: j.OutputPath, Variables: j.Variables}
	}
	if req.GetDisplayName() == "" {
		req.DisplayName = l.message.GetName()
	}
	list.Jobs = nil // the request has them
	l.list = list
	return nil
}

// listMistakes are the mistakes of a list, in the words of the API: joblist calls options by the flags of
// the command.
func listMistakes(wrong *joblist.Error) []*stokerv1.ListFinding {
	return mapSlice(wrong.Mistakes, func(m joblist.Mistake) *stokerv1.ListFinding {
		return &stokerv1.ListFinding{Line: int64(m.Line), Message: withoutFlags.Replace(m.Text)}
	})
}

var withoutFlags = strings.NewReplacer("--list-charset", "charset", "--list-columns", "columns", "--list-format", "format")

// listError is the error of a submission whose list has mistakes.
func listError(wrong *joblist.Error) error {
	invalid := &job.InvalidError{More: wrong.More}
	for _, m := range listMistakes(wrong) {
		invalid.Violations = append(invalid.Violations, job.Violation{Field: lineField(m), Message: m.GetMessage()})
	}
	return invalid
}

// lineField is the field of something that was found on a line of a list, such as list:17.input_path.
func lineField(f *stokerv1.ListFinding) string {
	field := listField
	if f.GetLine() > 0 {
		field += ":" + strconv.FormatInt(f.GetLine(), 10)
	}
	if f.GetColumn() != "" {
		field += "." + f.GetColumn()
	}
	return field
}

// locateError makes the error of a check name lines of the list instead of jobs. Without a list it changes
// nothing.
func (l *submittedList) locateError(err error) error {
	wrong, ok := errors.AsType[*job.InvalidError](err)
	if !ok || l == nil {
		return err
	}
	located := &job.InvalidError{More: wrong.More}
	for _, v := range wrong.Violations {
		if f := l.locate(v.Field, v.Message); f != nil {
			v = job.Violation{Field: lineField(f), Message: f.GetMessage()}
		}
		located.Violations = append(located.Violations, v)
	}
	return located
}

// locateWarnings makes warnings name lines of the list instead of jobs.
func (l *submittedList) locateWarnings(warnings []*stokerv1.Warning) {
	if l == nil {
		return
	}
	for _, w := range warnings {
		if f := l.locate(w.GetField(), w.GetMessage()); f != nil {
			w.Field, w.Message = lineField(f), f.GetMessage()
		}
	}
}

// jobName matches a job in a field or a message, such as jobs[17], and captures its index.
var jobName = regexp.MustCompile(`\bjobs\[(\d+)\]`)

// locate is a finding about a job by its line; nil if the field is not that of a job.
func (l *submittedList) locate(field, message string) *stokerv1.ListFinding {
	rest, ok := strings.CutPrefix(field, jobsField+"[")
	if !ok {
		return nil
	}
	number, rest, _ := strings.Cut(rest, "]")
	index, err := strconv.Atoi(number)
	if err != nil || index >= len(l.list.Lines) {
		return nil
	}
	message = jobName.ReplaceAllStringFunc(message, func(name string) string {
		other, err := strconv.Atoi(name[len(jobsField)+1 : len(name)-1])
		if err != nil || other >= len(l.list.Lines) {
			return name
		}
		return "line " + strconv.Itoa(l.list.Lines[other])
	})
	return &stokerv1.ListFinding{
		Line: int64(l.list.Lines[index]), Column: l.list.ColumnOf(strings.TrimPrefix(rest, ".")), Message: message,
	}
}
