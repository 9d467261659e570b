package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// The rules for the paths of a job, which are part of the rules of a submission.

// checkInputPath checks a path on the input storage, and reports whether it is given and valid. The path
// is kept as it is, because a storage compares paths byte by byte.
func (s *submission) checkInputPath(path string) bool {
	const field = "input_path"
	if path == "" {
		if s.batch.Template == nil {
			s.add(field, "is required: the path of the asset on the input storage")
		}
		return false
	}
	if !s.checkNoAddress(field, path, s.batch.Input, s.inputBase) || !s.checkText(field, path) {
		return false
	}
	s.warnOfBlanks(field, path)
	upward := job.LeadsUpward(path)
	switch {
	case upward && s.inputBase != "":
		s.add(field, "%q: leave out ..; the path lies below the storage's base path", path)
	case upward:
		s.warn(field, "%q has .. in it, which is kept", path)
	case s.inputBase != "" && path[0] == '/':
		s.warn(field, "%q begins with a slash, which is kept: at the storage, two slashes follow the base path", path)
	}
	if n := len(job.InputPath(s.inputBase, path)); n > job.MaxPath {
		if len(path) <= job.MaxPath { // the contract refuses longer ones
			s.add(field, "is %d bytes long with the storage's base path before it; a storage takes %d", n, job.MaxPath)
		}
		return false
	}
	return !upward || s.inputBase == ""
}

// checkNoAddress refuses a URL or another address where a path on a storage belongs, and reports whether
// it is none. What it says must not repeat the address, which may have a password in it.
func (s *submission) checkNoAddress(field, text string, storage job.StorageRef, base string) bool {
	kind, below := job.FindAddress(text)
	if kind == job.NoAddress {
		return true
	}
	which := "the storage"
	switch {
	case storage.Name != "":
		which = fmt.Sprintf("the storage %q", storage.Name)
	case storage.ID != "":
		which = fmt.Sprintf("the storage with the id %q", storage.ID)
	}
	give := "; give the path below it"
	if rest, ok := strings.CutPrefix(below, base+"/"); ok && base != "" {
		give, below = give+" and its base path", rest
	}
	if at, _ := job.FindHidden(below); below != "" && at == 0 {
		give += fmt.Sprintf(": %q", clip(below, maxText/2))
	}
	switch kind {
	case job.URL:
		s.add(field, "is a URL: %s has the host%s", which, give)
	case job.BucketAddress:
		s.add(field, "is the address of a bucket: %s has the bucket%s", which, give)
	case job.LoginAddress:
		s.add(field, "has a host, a user and a password in it: %s has them%s", which, give)
	case job.ComputerAddress, job.NoAddress:
		s.add(field, "is a path on a computer, which the platform cannot reach; give a path on %s", which)
	}
	return false
}

// deriveOutputPath gives the job with index i, which names no output path, the one that follows from its
// input path.
func (s *submission) deriveOutputPath(j *stokerv1.JobSpec, i int) {
	j.OutputPath = job.DeriveOutputPath(j.GetInputPath())
	switch {
	case j.GetOutputPath() != "":
		s.derived = append(s.derived, i)
	case s.batch.Template == nil: // for a template, checkVariables says what is missing
		s.add("output_path", "is required: none can be derived from the input path %q", j.GetInputPath())
	}
}

// outputField is the field that says where the job with index i writes to: input_path, if its output
// path is derived.
func (s *submission) outputField(i int) string {
	if _, derived := slices.BinarySearch(s.derived, i); derived {
		return "input_path"
	}
	return "output_path"
}

// writtenField is the field of the current job from which the value of a field is: outputField for
// output_path, else the field itself.
func (s *submission) writtenField(field string) string {
	if field == "output_path" {
		return s.outputField(s.job - 1)
	}
	return field
}

const giveOutputPath = "give one an output_path, or leave it out"

// explainDerived corrects an error of the job table about output paths, for jobs whose output path is
// derived: the caller has not written it.
func (s *submission) explainDerived(err error) error {
	invalid, ok := errors.AsType[*job.InvalidError](err)
	if !ok {
		return err
	}
	for n, v := range invalid.Violations {
		var i int
		if _, err := fmt.Sscanf(v.Field, "jobs[%d].output_path", &i); err != nil || s.outputField(i) == "output_path" {
			continue
		}
		invalid.Violations[n].Field = fmt.Sprintf("jobs[%d].input_path", i)
		if path, said, ok := strings.Cut(v.Message, " is written to"); ok {
			invalid.Violations[n].Message = "derives the output path " + path + ", which is written to" + said + "; " + giveOutputPath
		}
	}
	return err
}

// checkOutputPath checks a job's directory on the output storage, and reports whether it is given and
// valid.
func (s *submission) checkOutputPath(j *stokerv1.JobSpec) bool {
	field, submitted := s.outputField(s.job-1), j.GetOutputPath()
	if submitted == "" || !s.checkDirectory(field, submitted) {
		return false
	}
	path := job.CleanOutputPath(submitted)
	if field == "output_path" {
		s.warnOfBlanks(field, path)
	}
	if s.batch.Template == nil {
		s.checkLength(field, len(job.OutputPath(s.outputBase, path, ""))+s.longestFile)
	}
	return true
}

// checkDirectory checks a directory on the output storage, and reports whether it is valid.
func (s *submission) checkDirectory(field, submitted string) bool {
	path := job.CleanOutputPath(submitted)
	switch {
	case !s.checkNoAddress(field, submitted, s.batch.Output, s.outputBase), !s.checkText(field, path):
		return false
	case strings.HasPrefix(submitted, "/"):
		s.add(field, "%q: leave out the slash at the beginning; the path is relative to the storage's base path", submitted)
		return false
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			s.add(field, "%q: leave out empty elements, . and ..", submitted)
			return false
		}
	}
	return true
}

// checkLength checks n, the length in bytes of the longest path that a job writes to. field is the field
// of the job that has the largest part in it.
func (s *submission) checkLength(field string, n int) {
	if n > job.MaxPath && s.ownLength <= job.MaxPath { // the contract refuses longer ones
		folder := ""
		if s.shared.folder != "" {
			folder = ", the output folder"
		}
		s.add(field, "makes the longest path %d bytes long, counting the storage's base path"+folder+
			" and the longest directory and file name; a storage takes %d", n, job.MaxPath)
	}
}

// checkDistinctOutputPath checks that no job before the one with index i writes to the same
// directory.
func (s *submission) checkDistinctOutputPath(jobs []*stokerv1.JobSpec, i int) {
	field := s.outputField(i)
	same, similar := s.outputPaths.insert(jobs, i)
	switch {
	case same >= 0 && field == "input_path":
		s.add(field, "derives the output path %q, which is written to by jobs[%d] already; one would overwrite the other; %s",
			jobs[i].GetOutputPath(), same, giveOutputPath)
	case same >= 0:
		s.add(field, "%q is written to by jobs[%d] already; one would overwrite the other", jobs[i].GetOutputPath(), same)
	case similar >= 0:
		s.warn(field, "%q and %q, the output path of jobs[%d], differ in case only; some systems treat them as one",
			job.CleanOutputPath(jobs[i].GetOutputPath()), job.CleanOutputPath(jobs[similar].GetOutputPath()), similar)
	}
}
