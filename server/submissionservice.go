package server

import (
	"context"
	"encoding/csv"
	"errors"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/job"
)

// submissionService implements SubmissionService.
type submissionService struct {
	stokerv1.UnimplementedSubmissionServiceServer
	server *Server
}

const (
	// defaultListSample is how many jobs of a list are returned if the request does not say.
	defaultListSample = 20
	// maxListText is the size of the largest line that is returned, in bytes.
	maxListText = 1 << 10
)

// CheckList reads a list of jobs and checks it as SubmitBatch would.
func (s *submissionService) CheckList(ctx context.Context, req *stokerv1.CheckListRequest) (*stokerv1.CheckListResponse, error) {
	submission := req.GetSubmission()
	if err := s.server.store.checkSubmissionKeyUse(ctx, submission); err != nil {
		return nil, err
	}
	list, err := openList(submission)
	if err != nil {
		return nil, below("submission", err)
	}
	free, err := list.makeRoom(ctx, s.server.listing)
	defer free()
	if err != nil {
		return nil, err
	}
	resp := &stokerv1.CheckListResponse{}
	err = list.takeJobs(ctx, submission)
	if wrong, ok := errors.AsType[*joblist.Error](err); ok {
		resp.Mistakes, resp.MistakeCount = listMistakes(wrong), int64(len(wrong.Mistakes)+wrong.More)
		resp.Remedy = listRemedy(wrong.Remedy)
		resp.Lines, err = list.excerpt(ctx, resp)
		return resp, err
	}
	if err != nil {
		return nil, err
	}
	check := s.server.newSubmission(ctx)
	err = check.checkSubmitBatch(submission)
	if wrong, ok := errors.AsType[*job.InvalidError](err); ok {
		other := &job.InvalidError{}
		for _, v := range wrong.Violations {
			if f := list.locate(v.Field, v.Message); f != nil {
				resp.Mistakes = append(resp.Mistakes, f)
			} else {
				other.Violations = append(other.Violations, v)
			}
		}
		if len(other.Violations) > 0 {
			return nil, below("submission", other)
		}
		resp.MistakeCount = int64(len(wrong.Violations) + wrong.More)
	} else if err != nil {
		return nil, err
	}
	for _, w := range check.warnings {
		f := list.locate(w.GetField(), w.GetMessage())
		if f == nil {
			f = &stokerv1.ListFinding{Column: w.GetField(), Message: w.GetMessage()}
		}
		resp.Warnings = append(resp.Warnings, f)
	}
	resp.WarningCount = check.warningCount
	resp.JobCount, resp.Notes, resp.VariableCounts = int64(len(submission.GetJobs())), list.list.Notes, list.variables
	resp.Sample = list.sample(submission.GetJobs(), req)
	if submission.GetSkipSucceeded() && resp.GetMistakeCount() == 0 {
		if resp.SucceededCount, err = s.server.store.CountSucceeded(ctx, check.batch, takeJobs(&submission.Jobs)); err != nil {
			return nil, err
		}
	}
	resp.Lines, err = list.excerpt(ctx, resp)
	return resp, err
}

// below puts the fields of an error below a field.
func below(field string, err error) error {
	wrong, ok := errors.AsType[*job.InvalidError](err)
	if !ok {
		return err
	}
	for i := range wrong.Violations {
		wrong.Violations[i].Field = field + "." + wrong.Violations[i].Field
	}
	return wrong
}

// listRemedy are the fields with which a list can be read; nil if there are none. flags are those of the
// command.
func listRemedy(flags []string) *stokerv1.JobList {
	if len(flags) < 2 {
		return nil
	}
	switch value := flags[1]; flags[0] {
	case "--list-charset":
		return &stokerv1.JobList{Charset: value}
	case "--list-format":
		for f := range stokerv1.ListFormat_name {
			if format := stokerv1.ListFormat(f); string(listFormat(format)) == value {
				return &stokerv1.JobList{Format: format}
			}
		}
	case "--list-columns":
		columns := map[string]string{}
		pairs, _ := csv.NewReader(strings.NewReader(value)).Read() // as the flag is read; joblist has written it
		for _, column := range pairs {
			if at := strings.LastIndexByte(column, '='); at > 0 {
				columns[column[:at]] = column[at+1:]
			}
		}
		return &stokerv1.JobList{Columns: columns}
	}
	return nil
}

// sample returns the first jobs of the list.
func (l *submittedList) sample(jobs []*stokerv1.JobSpec, req *stokerv1.CheckListRequest) []*stokerv1.ListedJob {
	size := defaultListSample
	if req.SampleSize != nil {
		size = int(req.GetSampleSize())
	}
	index := -1
	return pageOf(jobs[:min(size, len(jobs))], func(j *stokerv1.JobSpec) *stokerv1.ListedJob {
		index++
		return &stokerv1.ListedJob{Line: int64(l.list.Lines[index]), Job: j}
	})
}

// excerpt returns the lines about which there is a mistake or a warning.
func (l *submittedList) excerpt(ctx context.Context, resp *stokerv1.CheckListResponse) ([]*stokerv1.ListLine, error) {
	numbers := map[int]bool{}
	var lines []*stokerv1.ListLine
	for _, findings := range [][]*stokerv1.ListFinding{resp.GetMistakes(), resp.GetWarnings()} {
		for _, f := range findings {
			if n := int(f.GetLine()); n > 0 && !numbers[n] {
				numbers[n] = true
				lines = append(lines, &stokerv1.ListLine{Line: int64(n)})
			}
		}
	}
	texts, err := joblist.ReadLines(l.reader(ctx), l.options.Charset, numbers, maxListText)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		line.Text = texts[int(line.GetLine())]
	}
	return lines, nil
}
