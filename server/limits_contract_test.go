package server_test

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

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
