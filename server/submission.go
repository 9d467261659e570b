package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/capability"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// submission checks a SubmitBatchRequest or an AddJobsRequest and makes a batch of it, or lists
// everything that is wrong with it. All rules of a submission are in this file, from the request down
// to the fields of a job, in jobpaths.go and in sharedvalues.go. A submission reads the configuration. It changes nothing
// but the jobs: each gets an output path, and what the request has for all of them.
type submission struct {
	findings
	contract contract
	catalog  Catalog
	caller   *access.Principal
	accounts func() []string // the accounts that the caller may use

	batch    job.Batch          // without id and times
	template *template.Template // the batch's template, parsed; nil without one, or if it has mistakes

	keyReason   string         // why every job needs a key; empty: keys are optional
	keys        map[string]int // the index of the job with each key
	outputPaths *outputPathSet // nil: jobs may share an output path
	inputBase   string         // the base path of the input storage
	outputBase  string         // the base path of the output storage
	unusable    []string       // "input" and "output": those for which the batch names a storage that it cannot use
	longestFile int            // as of [job.Recipe.LongestFile]
	shared      sharedValues
	ownLength   int // of the output path of the current job without the shared folder, in bytes

	derives bool  // whether jobs that name no output path get the derived one
	derived []int // the indexes of these jobs, ascending
}

func (s *Server) newSubmission(ctx context.Context) *submission {
	return &submission{contract: s.contract, catalog: *s.catalog.Load(), caller: grantOf(ctx).principal, accounts: func() []string {
		return mapSlice(s.store.AccountStatuses(ctx), func(a job.AccountStatus) string { return a.ID })
	}}
}

// checkSubmitBatch sets the batch that req asks for, and checks the batch and its jobs.
func (s *submission) checkSubmitBatch(req *stokerv1.SubmitBatchRequest) error {
	s.addAll(s.contract.violations(req))
	s.batch = job.Batch{
		DisplayName: req.GetDisplayName(), Labels: req.GetLabels(),
		AccountID: cmp.Or(req.GetAccount(), job.DefaultName), Priority: job.DefaultPriority,
		State: job.BatchActive, Open: req.GetKeepOpen(),
		FailureLimit: failureLimit(req.GetFailureLimit()), SkipSucceeded: req.GetSkipSucceeded(),
	}
	if req.Priority != nil {
		s.batch.Priority = int(req.GetPriority())
	}
	if s.batch.Open {
		s.batch.State = job.BatchOpen
	}
	s.checkAccount(s.batch.AccountID)
	s.setEncoding(req)
	s.batch.DistinctBy = distinctBy(s.template)
	s.batch.Input = s.storage("input", req.GetInput(), req.GetInputId())
	s.batch.Output = s.storage("output", req.GetOutput(), req.GetOutputId())
	s.batch.Retry = s.retryPolicy("retry_policy", req.GetRetryPolicy())
	if req.MaxRetries != nil {
		if req.GetRetryPolicy() != nil {
			s.add("max_retries", "excludes retry_policy; give the number there")
		}
		s.batch.Retry = s.catalog.Retry
		s.batch.Retry.MaxRetries = int(req.GetMaxRetries())
	}
	s.checkText("request_id", req.GetRequestId())
	s.checkText("display_name", req.GetDisplayName())
	s.checkLabels("labels", req.GetLabels())
	if len(req.GetJobs()) == 0 && !req.GetKeepOpen() {
		s.add(jobsField, "name at least one job, or set keep_open to add jobs later")
	}
	if s.batch.SkipSucceeded {
		s.keyReason = "skip_succeeded recognises a job by its key"
	}
	s.setShared(req)
	s.checkJobs(req.GetJobs())
	return s.err()
}

// checkAddJobs checks the jobs that req adds to b. b is nil if req has no batch_id.
func (s *submission) checkAddJobs(req *stokerv1.AddJobsRequest, b *job.Batch) error {
	s.addAll(s.contract.violations(req))
	if len(req.GetJobs()) == 0 {
		s.add(jobsField, "name at least one job")
	}
	if b != nil {
		s.batch = *b
		if b.Template != nil {
			parsed, mistakes := template.ParseStored(*b.Template)
			s.addTemplateMistakes("batch_id", "its template, ", parsed, mistakes, len(req.GetJobs()))
			s.template = parsed
		}
	}
	s.keyReason = "a job that is added to a batch is recognised by its key"
	s.setShared(req)
	s.checkJobs(req.GetJobs())
	return s.err()
}

func (s *submission) checkAccount(id string) {
	if known := s.accounts(); !slices.Contains(known, id) {
		s.addUnknown("account", "account", id, known)
	}
}

// setEncoding sets how the batch is encoded: by a profile, a recipe or a template.
func (s *submission) setEncoding(req *stokerv1.SubmitBatchRequest) {
	jobs := len(req.GetJobs())
	switch with := req.GetEncodeWith().(type) {
	case *stokerv1.SubmitBatchRequest_Recipe:
		r := recipe(with.Recipe)
		s.batch.Recipe = &r
		if len(with.Recipe.ProtoReflect().GetUnknown()) > 0 { // for example private, of clients made before acl
			s.add("recipe", "has a field that this server does not know, and that would have no effect; use a client of the server's version")
		}
		s.noteRecipe(r, "recipe")
	case *stokerv1.SubmitBatchRequest_Template:
		s.setTemplate(with.Template, jobs)
	case *stokerv1.SubmitBatchRequest_InlineTemplate:
		t := job.Template{Text: with.InlineTemplate.GetYaml(), FallbackRegions: with.InlineTemplate.GetFallbackRegions(), AllowUnknown: with.InlineTemplate.GetAllowUnknown()}
		s.batch.Template = &t
		s.replace(t.Validate("inline_template"))
		wrong, odd := capability.CheckFallbackRegions(t.FallbackRegions, t.AllowUnknown, "inline_template")
		s.replace(wrong)
		s.warnAll(odd)
		const text = "inline_template.yaml"
		if t.Text == "" {
			s.replace([]job.Violation{{Field: text, Message: "is required: the text of the template"}})
			return
		}
		s.template = s.parseTemplate(text, "", t, jobs)
		if s.template != nil && len(s.template.Secrets()) > 0 {
			s.add(text, "uses the secret %q, and only templates of the configuration may use secrets", s.template.Secrets()[0])
		}
	default:
		s.setProfile(cmp.Or(req.GetProfile(), job.DefaultName))
	}
}

// setProfile has the batch be encoded by a profile of the configuration.
func (s *submission) setProfile(name string) {
	r, ok := s.catalog.Profiles[name]
	s.batch.Profile, s.batch.Recipe = name, &r
	if !ok || !s.usable(s.catalog.ProfileAccounts[name]) {
		r = job.Recipe{} // what is said of the jobs must not depend on it
		s.addUnusable("profile", "profile", name, ok, s.catalog.ProfileAccounts, maps.Keys(s.catalog.Profiles))
		return
	}
	s.noteRecipe(r, "profile")
}

// setTemplate has the batch be encoded by a template of the configuration.
func (s *submission) setTemplate(name string, jobs int) {
	t, ok := s.catalog.Templates[name]
	s.batch.Template = &t
	if !ok || !s.usable(s.catalog.TemplateAccounts[name]) {
		t = job.Template{} // as for a profile
		s.addUnusable("template", "template", name, ok, s.catalog.TemplateAccounts, maps.Keys(s.catalog.Templates))
		return
	}
	s.template = s.parseTemplate("template", fmt.Sprintf("template %q, ", t.Name), t, jobs)
}

// noteRecipe notes what the platform cannot do with a recipe, and what it may have learnt.
func (s *submission) noteRecipe(r job.Recipe, field string) {
	wrong, odd := capability.CheckRecipe(r, field)
	s.replace(wrong)
	s.warnAll(odd)
}

// parseTemplate parses a template for a number of jobs. prefix begins the text of each violation and
// warning, to say which template it is in.
func (s *submission) parseTemplate(field, prefix string, t job.Template, jobs int) *template.Template {
	parsed, mistakes := template.Parse(t)
	s.addTemplateMistakes(field, prefix, parsed, mistakes, jobs)
	if parsed != nil {
		for _, w := range parsed.Warnings() {
			s.warn(field, "%s%s", prefix, w)
		}
	}
	return parsed
}

// addTemplateMistakes adds the mistakes of a template or, if it has none, those that it has in a batch of
// more than one job.
func (s *submission) addTemplateMistakes(field, prefix string, parsed *template.Template, mistakes []template.Mistake, jobs int) {
	if parsed != nil && jobs > 1 {
		mistakes = parsed.SharedOutputs()
	}
	for _, m := range mistakes {
		s.add(field, "%s%s", prefix, m)
	}
}

// distinctBy says by what the jobs of a batch write to different places; t is nil for a recipe.
func distinctBy(t *template.Template) job.Distinction {
	switch {
	case t == nil || t.DistinctByOutputPath():
		return job.ByOutputPath
	case len(t.SharedOutputs()) > 0:
		return job.ByNothing
	}
	return job.ByTemplate
}

// storage returns the storage that a batch reads from (way is "input") or writes to ("output"): one of
// the configuration, by name, or one that exists at the platform, by id. It returns none for a
// template that does not use the storage's id.
func (s *submission) storage(way, name, id string) job.StorageRef {
	idField := way + "_id"
	switch {
	case s.template != nil && !s.template.Uses(idField):
		if name != "" || id != "" {
			field := way
			if id != "" {
				field = idField
			}
			s.add(field, "the template does not use it: there is no ${%s} in it", idField)
		}
		return job.StorageRef{}
	case name != "" && id != "":
		s.add(idField, "%s and %s exclude each other", way, idField)
		return job.StorageRef{}
	case id != "":
		if strings.ContainsFunc(id, func(r rune) bool { return job.Hidden(r) || unicode.IsSpace(r) || r == '/' }) {
			s.add(idField, "%q is not the id of an %s at the platform", id, way)
		}
		return job.StorageRef{ID: id}
	}
	name = cmp.Or(name, job.DefaultName)
	if !s.checkStorage(way, name) {
		s.unusable = append(s.unusable, way)
	}
	return job.StorageRef{Name: name}
}

// retryPolicy returns and checks a retry policy, with the server's values for those that p leaves out.
func (s *submission) retryPolicy(field string, p *stokerv1.RetryPolicy) job.RetryPolicy {
	r := retryPolicy(p, s.catalog.Retry)
	m := retryPolicyMessage(r) // has the defaults
	if first, longest := m.GetInitialBackoff().AsDuration(), m.GetMaxBackoff().AsDuration(); first > longest {
		s.add(field+".max_backoff", "%s is shorter than initial_backoff, which is %s", longest, first)
	}
	return r
}

// contractChunk is how many jobs are checked against the contract at once, which is faster than one by
// one. A chunk with a violation is checked job by job.
const contractChunk = 1_000

// checkJobs checks the jobs of one request, each by itself and against the jobs before it.
func (s *submission) checkJobs(jobs []*stokerv1.JobSpec) {
	s.keys = make(map[string]int, len(jobs))
	if s.template == nil || s.template.DistinctByOutputPath() {
		s.outputPaths = newOutputPathSet(len(jobs))
	}
	s.setBases()
	if s.batch.Recipe != nil {
		s.longestFile = s.batch.Recipe.LongestFile()
	}
	s.derives = s.batch.Template == nil || s.template != nil && s.template.Uses("output_path")
	chunks, allowed := s.allowedChunks(jobs), false
	for i, j := range jobs {
		s.job = i + 1
		if i%contractChunk == 0 {
			allowed = <-chunks
		}
		if !allowed {
			s.addAll(s.contract.violations(j))
		}
		s.checkName("key", j.GetKey())
		s.checkName("name", j.GetName())
		s.checkKey(i, j.GetKey())
		inputOK := s.checkInputPath(j.GetInputPath())
		if inputOK && j.GetOutputPath() == "" && s.derives {
			s.deriveOutputPath(j, i)
		}
		s.addShared(j)
		if s.checkOutputPath(j) && s.outputPaths != nil {
			s.checkDistinctOutputPath(jobs, i)
		}
		s.checkVariables(j, inputOK || j.GetInputPath() == "")
	}
	s.job, s.keys, s.outputPaths = 0, nil, nil
}

// allowedChunks tells of each chunk of jobs, one after the other, whether it keeps to the contract. It
// checks them beside the caller, which takes half of the time of a submission's checks away.
func (s *submission) allowedChunks(jobs []*stokerv1.JobSpec) <-chan bool {
	chunks := make(chan bool, len(jobs)/contractChunk+1)
	allows := func(chunk []*stokerv1.JobSpec) (ok bool) {
		// A panic comes again when the jobs are checked one by one, and there ends the call alone.
		defer func() { ok = recover() == nil && ok }()
		return s.contract.allows(chunk)
	}
	go func() {
		for chunk := range slices.Chunk(jobs, contractChunk) {
			chunks <- allows(chunk)
		}
	}()
	return chunks
}

// checkName checks the key or the name of a job.
func (s *submission) checkName(field, text string) {
	if s.checkText(field, text) {
		s.warnOfBlanks(field, text)
	}
}

// warnOfBlanks warns of white space at the ends of a text, which is easily overlooked.
func (s *submission) warnOfBlanks(field, text string) {
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	switch before, behind := unicode.IsSpace(first), unicode.IsSpace(last); {
	case before && behind:
		s.warn(field, "%q begins and ends with a blank, which is kept", text)
	case before:
		s.warn(field, "%q begins with a blank, which is kept", text)
	case behind:
		s.warn(field, "%q ends with a blank, which is kept", text)
	}
}

// checkKey checks that a job has a key if it needs one, and that no other job has the same.
func (s *submission) checkKey(i int, key string) {
	if key == "" {
		if s.keyReason != "" {
			s.add("key", "is required: %s", s.keyReason)
		}
		return
	}
	if first, taken := s.keys[key]; taken {
		s.add("key", "%q is already the key of jobs[%d]", key, first)
		return
	}
	s.keys[key] = i
}

// checkVariables checks whether the template can be filled in for a job. An input path that was refused is
// not told about again, nor is the output path that cannot be derived from it.
func (s *submission) checkVariables(j *stokerv1.JobSpec, inputOK bool) {
	if len(j.GetVariables()) > 0 {
		if s.batch.Template == nil {
			s.add("variables", "are for templates; this batch has a recipe")
		}
		s.checkTexts("variables", j.GetVariables(), func(name string) string { return "variables." + name })
	}
	if s.template == nil || len(j.GetVariables()) > maxEntries { // the contract refuses more
		return
	}
	spec := jobSpec(j)
	if !inputOK {
		const something = "refused"
		spec.InputPath, spec.OutputPath = something, cmp.Or(spec.OutputPath, something)
	}
	check := s.template.Check
	if len(s.violations) >= maxViolations {
		check = s.template.CheckBriefly // they are only counted
	}
	if wrong := check(spec); len(wrong) > 0 {
		for _, v := range wrong {
			if !s.addSharedMistake(v) {
				s.add(s.writtenField(v.Field), "%s", v.Message)
			}
		}
		return
	}
	n, field := s.template.LongestFile(template.Values{
		Job: spec, InputPath: job.InputPath(s.inputBase, spec.InputPath), OutputPath: job.OutputPath(s.outputBase, spec.OutputPath, ""),
	})
	s.checkLength(s.writtenField(field), n)
}
