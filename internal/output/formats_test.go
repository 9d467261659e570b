package output

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/hostile"
)

// fullBatch is a batch with a field of every kind.
func fullBatch() *stokerv1.Batch {
	return &stokerv1.Batch{
		Id: "01a20f4c-7b1e-7d3a-9c52-2f6f0c9b8e11", Number: 411, DisplayName: "night run: #411, \"all\"", State: stokerv1.BatchState_BATCH_STATE_ACTIVE,
		Percent: 61.8, JobCount: 520_000, Labels: map[string]string{"run": "nightly", "team": "no", "": "0123"},
		Counts:      &stokerv1.JobCounts{Waiting: 198406, Failed: 437},
		RetryPolicy: &stokerv1.RetryPolicy{MaxRetries: new(int32(0)), InitialBackoff: durationpb.New(2500000000)},
		CreateTime:  &timestamppb.Timestamp{Seconds: 1795957351},
		Wait:        &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_PRIORITY, Ahead: []*stokerv1.BatchAhead{{BatchNumber: 416, JobCount: 1231}, {BatchNumber: 1}}},
	}
}

// JSON has the contract's names, numbers as numbers, and times with milliseconds. Whoever reads the
// contract's JSON gets the message back.
func TestJSON(t *testing.T) {
	for _, m := range []proto.Message{
		fullBatch(),
		hostile.Spoil(fullBatch()),
		&stokerv1.Batch{State: 99},
		&stokerv1.UpdateBatchRequest{Batch: fullBatch(), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name", "labels"}}},
		&stokerv1.GetJobResponse{Attempts: []*stokerv1.Attempt{{Number: 1}, {}}, Job: &stokerv1.Job{Progress: -1}},
		&stokerv1.Account{PlatformQueuedCount: new(int32(0))},
	} {
		line, err := JSON(m)
		if err != nil {
			t.Fatal(err)
		}
		hostile.CheckPrintable(t, string(line))
		back := m.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(line, back); err != nil || !proto.Equal(m, back) {
			t.Errorf("%s reads %v, %v; want %v", line, back, err, m)
		}
	}
	line, err := JSON(fullBatch())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"number":411}`, `"job_count":520000`, `"create_time":"2026-11-29T13:02:31.000Z"`, `"initial_backoff":"2.5s"`, `"max_retries":0`} {
		if !strings.Contains(string(line), want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
}

// YAML reads what JSON has.
func TestYAML(t *testing.T) {
	texts := map[string]string{}
	for i, text := range append(strings.Split("no|yes|on|off|y|n|true|null|~|0123|1e5|0x1f|1_000|12:30|2026-11-29|.inf|-|- a|a: b|a #b|#a|{a}|[a]|&a|*a|!a|%a|@a|`a|'a'|\"a\"|?|? a|=|<<|a,b|: a|a:| a|a |1.5|+1|-1|0o17|NaN|No|NULL|night run 411|films/sintel|01a20f4c-7b1e|ünïcödé|七人の侍", "|"), hostileNames...) {
		texts[strings.Repeat("k", i+1)] = strings.ToValidUTF8(text, "?")
	}
	for _, m := range []proto.Message{
		fullBatch(), hostile.Spoil(fullBatch()), &stokerv1.Batch{}, &stokerv1.Batch{Labels: texts},
		&stokerv1.GetJobResponse{Job: &stokerv1.Job{Id: "x", Failure: &stokerv1.Failure{Messages: []string{"a", "b: c"}}}, Attempts: []*stokerv1.Attempt{{Number: 1, Failure: &stokerv1.Failure{Code: 3}}, {}}},
	} {
		line, err := JSON(m)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yamlDocument(line, "")
		if err != nil {
			t.Fatal(err)
		}
		hostile.CheckPrintable(t, string(text))
		var want, got any
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		var read any
		if err := yaml.Unmarshal(text, &read); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		back, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(back, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-json +yaml:\n%s\n%s", diff, text)
		}
	}
	line, err := JSON(fullBatch())
	if err != nil {
		t.Fatal(err)
	}
	text, err := yamlDocument(line, "- ")
	if err != nil {
		t.Fatal(err)
	}
	want := `- id: 01a20f4c-7b1e-7d3a-9c52-2f6f0c9b8e11
  display_name: "night run: #411, \"all\""
  state: BATCH_STATE_ACTIVE
  retry_policy: {max_retries: 0, initial_backoff: 2.5s}
  labels: {"": "0123", run: nightly, team: "no"}
  job_count: 520000
  counts: {waiting: 198406, failed: 437}
  percent: 61.8
  create_time: 2026-11-29T13:02:31.000Z
  wait:
    code: WAIT_CODE_PRIORITY
    ahead:
      - batch_number: 416
        job_count: 1231
      - batch_number: 1
  number: 411
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("yaml (-want +got):\n%s", diff)
	}
}

func TestFormats(t *testing.T) {
	one, two := &stokerv1.Batch{Id: "a", Number: 1, Labels: map[string]string{"x": "1"}}, &stokerv1.Batch{Id: "b", Number: 2, JobCount: 5}
	for _, tt := range []struct {
		o    Options
		want string
		none string // without messages
	}{
		{Options{Format: FormatJSON}, "[\n{\"id\":\"a\",\"labels\":{\"x\":\"1\"},\"number\":1},\n{\"id\":\"b\",\"job_count\":5,\"number\":2}\n]\n", "[]\n"},
		{Options{Format: FormatJSONL}, "{\"id\":\"a\",\"labels\":{\"x\":\"1\"},\"number\":1}\n{\"id\":\"b\",\"job_count\":5,\"number\":2}\n", ""},
		{Options{Format: FormatYAML}, "- id: a\n  labels: {x: \"1\"}\n  number: 1\n- id: b\n  job_count: 5\n  number: 2\n", "[]\n"},
		{Options{Format: FormatName}, "a\nb\n", ""},
		{Options{JQ: ".[].id"}, "a\nb\n", ""},
		{Options{JQ: "map(.job_count // 0) | add"}, "5\n", "null\n"},
		{Options{JQ: "length"}, "2\n", "0\n"},
		{Options{Format: FormatJSONL, JQ: "{id, n: .number}"}, "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n", ""},
		{Options{JQ: `.[] | [.id, .number] | @tsv`}, "a\t1\nb\t2\n", ""},
		{Options{Format: FormatCSV, Columns: []string{"id", "counts.failed", "labels.x", "done"}}, "id,counts.failed,labels.x,done\na,,1,0\nb,,,0\n", "id,counts.failed,labels.x,done\n"},
		{Options{Format: FormatCSV, Columns: []string{"number"}, NoHeader: true}, "1\n2\n", ""},
		{Options{Columns: []string{"job_count", "BATCH"}}, "0\t1\n5\t2\n", ""},
		{Options{Columns: []string{"batch"}, Sort: "-number"}, "2\n1\n", ""},
		{Options{Columns: []string{"batch"}, Sort: "-job_count", Most: 1}, "2\n", ""},
		{Options{Format: FormatName, Sort: "jobs"}, "a\nb\n", ""},
	} {
		if got := printed(t, batches(), Look{}, tt.o, one, two); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.o, got, tt.want)
		}
		if got := printed(t, batches(), Look{}, tt.o); got != tt.none {
			t.Errorf("%+v without messages: %q, want %q", tt.o, got, tt.none)
		}
	}
}

// Whatever is wrong with the options is said before anything is written.
func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]Options{
		`-o xml: want table, wide, json, jsonl, yaml, csv or name; did you mean "yaml"?`:  {Format: "xml"},
		`-o jsno: want table, wide, json, jsonl, yaml, csv or name; did you mean "json"?`: {Format: "jsno"},
		"--bom is for -o csv": {BOM: true},
		"--jq is for -o json, where it sees the whole array, and for -o jsonl, where it sees one message at a time; not for -o csv": {Format: FormatCSV, JQ: "."},
		"--jq .[: the expression ends too early":                                    {JQ: ".["},
		`--jq .a }: unexpected "}", the 4th character`:                              {JQ: ".a }"},
		"--jq nosuch: function not defined: nosuch/0":                               {JQ: "nosuch"},
		"--columns is for tables and CSV; --jq chooses among the fields of -o json": {Format: FormatJSON, Columns: []string{"id"}},
		`--columns nam: there is no such column; the columns are batch, name, state, done, jobs, created, detail, account, and every field of JSON is one, such as id; did you mean "name"?`: {Columns: []string{"nam"}},
		`--sort x.y: there is no such column; the columns are batch, name, state, done, jobs, created, detail, account, and every field of JSON is one, such as id`:                          {Sort: "x.y"},
	} {
		_, err := batches().NewWriter(nil, Look{}, o)
		if err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// An expression that fails at a message says so.
func TestFailingExpression(t *testing.T) {
	w, err := batches().NewWriter(&strings.Builder{}, Look{}, Options{Format: FormatJSONL, JQ: ".id + 1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(fullBatch()); err == nil || !strings.HasPrefix(err.Error(), "--jq .id + 1: cannot add: string") {
		t.Errorf("%v", err)
	}
}

// The next program gets paths and keys as they are. A spreadsheet gets them as text.
func TestFormulasInCSV(t *testing.T) {
	for value, cell := range map[string]string{
		`=HYPERLINK("https://example.com";"x")`: `'=HYPERLINK("https://example.com";"x")`,
		"+1":                                    "'+1", "-1": "'-1", "@sum(a)": "'@sum(a)", " =1": "' =1", "\u00a0@a": "'\u00a0@a", "＝1": "'＝1",
		"": "", "a=b": "a=b", "'=1": "'=1", "é-1": "é-1", "#1": "#1", " x": " x",
	} {
		b := &stokerv1.Batch{Id: "x", DisplayName: value}
		plain := printed(t, batches(), Look{}, Options{Format: FormatCSV}, b)
		if strings.HasPrefix(plain, "\ufeff") {
			t.Error("plain CSV begins with a byte order mark")
		}
		sheet, marked := strings.CutPrefix(printed(t, batches(), Look{}, Options{Format: FormatCSV, BOM: true}, b), "\ufeff")
		if !marked {
			t.Error("CSV for a spreadsheet lacks the byte order mark")
		}
		for text, want := range map[string]string{plain: value, sheet: cell} {
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil || len(rows) != 2 || rows[0][1] != "display_name" || rows[1][1] != want {
				t.Errorf("%q is written as %q, %v; want %q", value, text, err, want)
			}
		}
	}
}
