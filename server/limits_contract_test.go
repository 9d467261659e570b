package server_test

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// TestLimitsOfTheContract compares the limits in the rules of the contract with those in package job.
func TestLimitsOfTheContract(t *testing.T) {
	rules := func(m proto.Message, field protoreflect.Name) *validate.FieldRules {
		options := m.ProtoReflect().Descriptor().Fields().ByName(field).Options()
		r, ok := proto.GetExtension(options, validate.E_Field).(*validate.FieldRules)
		if !ok {
			t.Fatalf("%T has no rules for %s", m, field)
		}
		return r
	}
	submit, add, spec := &stokerv1.SubmitBatchRequest{}, &stokerv1.AddJobsRequest{}, &stokerv1.JobSpec{}
	for name, limits := range map[string][2]uint64{
		"jobs of SubmitBatch":      {rules(submit, "jobs").GetRepeated().GetMaxItems(), job.MaxRequestJobs},
		"jobs of AddJobs":          {rules(add, "jobs").GetRepeated().GetMaxItems(), job.MaxRequestJobs},
		"priority":                 {uint64(rules(submit, "priority").GetInt32().GetLte()), job.MaxPriority},
		"display_name":             {rules(submit, "display_name").GetString().GetMaxLen(), job.MaxDisplayName},
		"max_retries":              {uint64(rules(submit, "max_retries").GetInt32().GetLte()), job.MaxRetryLimit},
		"page_size of ListJobs":    {uint64(rules(&stokerv1.ListJobsRequest{}, "page_size").GetInt32().GetLte()), job.MaxPageSize},
		"page_size of ListBatches": {uint64(rules(&stokerv1.ListBatchesRequest{}, "page_size").GetInt32().GetLte()), job.MaxPageSize},
		"account_id":               {rules(&stokerv1.GetAccountRequest{}, "account_id").GetString().GetMaxLen(), job.MaxAccountID},
		"key":                      {rules(spec, "key").GetString().GetMaxLen(), job.MaxKey},
		"input_path":               {rules(spec, "input_path").GetString().GetMaxBytes(), job.MaxPath},
		"output_path":              {rules(spec, "output_path").GetString().GetMaxBytes(), job.MaxPath},
		"variables":                {rules(spec, "variables").GetMap().GetMaxPairs(), job.MaxVariables},
		"fallback_regions":         {rules(&stokerv1.Recipe{}, "fallback_regions").GetRepeated().GetMaxItems(), job.MaxFallbackRegions},
		"inline fallback_regions":  {rules(&stokerv1.InlineTemplate{}, "fallback_regions").GetRepeated().GetMaxItems(), job.MaxFallbackRegions},
		"key_prefix of CancelJobs": {rules(&stokerv1.CancelJobsRequest{}, "key_prefix").GetString().GetMaxLen(), job.MaxKey},
		"key_prefix of RetryJobs":  {rules(&stokerv1.RetryJobsRequest{}, "key_prefix").GetString().GetMaxLen(), job.MaxKey},
	} {
		if limits[0] != limits[1] {
			t.Errorf("%s: the contract allows %d, package job %d", name, limits[0], limits[1])
		}
	}
}

// identifiers are the fields of requests that name something, or a place in a list.
var identifiers = map[protoreflect.Name]bool{
	"id": true, "batch_id": true, "job_id": true, "account_id": true, "token_id": true, "account": true, "page_token": true, "cursor": true, "request_id": true,
	"call_id": true, "target": true, "batch_ids": true, "job_ids": true, "accounts": true, "keys": true, "id_prefix": true, "key_prefix": true, "input_id": true, "output_id": true,
}

// TestIdentifiersHaveALength holds that nobody can ask for something by a name of megabytes, in any request.
func TestIdentifiersHaveALength(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	checked := 0
	var check func(m protoreflect.MessageDescriptor, part bool)
	check = func(m protoreflect.MessageDescriptor, part bool) {
		if seen[m.FullName()] || m.ParentFile().Package() != "stoker.v1" {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if f.Message() != nil && !f.IsMap() && requestParts[f.Name()] {
				check(f.Message(), f.Name() != "selection")
			}
			if !identifiers[f.Name()] || f.Kind() != protoreflect.StringKind || part && f.Name() != "id" { // of a batch, requests say no more than its id
				continue
			}
			rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
			text := rules.GetString()
			if f.IsList() {
				text = rules.GetRepeated().GetItems().GetString()
			}
			if checked++; max(text.GetMaxLen(), text.GetMaxBytes()) == 0 && text.GetPattern() == "" {
				t.Errorf("%s has no length", f.FullName())
			}
		}
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("stoker.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for k := range methods.Len() {
				check(methods.Get(k).Input(), false)
			}
		}
		return true
	})
	if checked < 40 {
		t.Errorf("%d fields were looked at", checked)
	}
}

// requestParts are the fields of requests whose messages have identifiers.
var requestParts = map[protoreflect.Name]bool{"batch": true, "selection": true, "account": true, "endpoint": true}
