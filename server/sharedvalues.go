package server

import (
	"maps"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// sharedValues are what a request has for all of its jobs, without what is wrong in it. The zero value is
// nothing.
type sharedValues struct {
	folder    string // put before the output path of each job; with a slash at its end unless it is empty
	variables map[string]string
	own       map[string]string // the variables of the current job without these
	told      map[string]bool   // the variables of which a mistake was noted
}

// setShared checks what req has for all jobs. The encoding and the storages of the batch are set already.
func (s *submission) setShared(req interface {
	GetOutputFolder() string
	GetVariables() map[string]string
},
) {
	const folder, variables = "output_folder", "variables"
	s.setBases()
	switch given := req.GetOutputFolder(); {
	case given == "" || len(given) > job.MaxPath: // the contract refuses longer ones
	case s.template != nil && !s.template.Uses("output_path"):
		s.add(folder, "the template does not use it: there is no ${output_path} in it")
	case s.checkDirectory(folder, given):
		s.warnOfBlanks(folder, job.CleanOutputPath(given))
		s.shared.folder = job.CleanOutputPath(given) + "/"
	}
	given := req.GetVariables()
	switch {
	case len(given) == 0 || len(given) > job.MaxVariables: // the contract refuses more, and each job would have all of them
		return
	case s.batch.Template == nil:
		s.add(variables, "are for templates; this batch has a recipe")
		return
	}
	s.checkTexts(variables, given, func(name string) string { return variables + "." + name })
	s.shared.variables = given
}

// addShared gives a job what the request has for all jobs.
func (s *submission) addShared(j *stokerv1.JobSpec) {
	s.ownLength = len(j.GetOutputPath())
	if s.shared.folder != "" && j.GetOutputPath() != "" {
		j.OutputPath = s.shared.folder + j.GetOutputPath()
	}
	s.shared.own = j.GetVariables()
	switch shared := s.shared.variables; {
	case len(shared) == 0:
	case len(j.GetVariables()) == 0:
		j.Variables = shared // one map for all of these jobs
	case len(j.GetVariables()) <= maxEntries: // the contract refuses more
		all := maps.Clone(shared)
		maps.Copy(all, j.GetVariables())
		j.Variables = all
	}
}

// addSharedMistake notes a mistake in a variable that a job has from the request, once for all jobs. It
// reports false for another mistake.
func (s *submission) addSharedMistake(v job.Violation) bool {
	name, ok := strings.CutPrefix(v.Field, "variables.")
	if _, shared := s.shared.variables[name]; !ok || !shared {
		return false
	}
	if _, own := s.shared.own[name]; own {
		return false
	}
	if s.shared.told[name] {
		return true
	}
	if s.shared.told == nil {
		s.shared.told = map[string]bool{}
	}
	s.shared.told[name] = true
	current := s.job
	s.job = 0
	s.add(v.Field, "%s", v.Message)
	s.job = current
	return true
}
