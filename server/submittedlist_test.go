package server_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func textList(text string) *stokerv1.JobList {
	return &stokerv1.JobList{Name: "titles.csv", Content: &stokerv1.JobList_Text{Text: text}}
}

func dataList(data []byte) *stokerv1.JobList {
	return &stokerv1.JobList{Content: &stokerv1.JobList_Data{Data: data}}
}

// findingLines shows findings, one on each line.
func findingLines(list []*stokerv1.ListFinding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%d %s: %s\n", f.GetLine(), f.GetColumn(), f.GetMessage())
	}
	return b.String()
}

func TestCheckList(t *testing.T) {
	w := newWorld(t, nil)
	template := func(req *stokerv1.SubmitBatchRequest) {
		req.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}
	}
	wide := []byte{0xff, 0xfe}
	for _, c := range utf16.Encode([]rune("input_path\nä.mov\n")) {
		wide = append(wide, byte(c), byte(c>>8))
	}
	for _, tt := range []struct {
		name     string
		list     *stokerv1.JobList
		change   func(*stokerv1.SubmitBatchRequest)
		jobs     int64
		mistakes string
		warnings string
		sample   string // "line input -> output" of each job
		remedy   *stokerv1.JobList
		lines    string
	}{
		{name: "a list without mistakes", list: textList("Key;Input Path\na;in/a.mov\n\nb;in/b.mov\n"), jobs: 2, sample: "2 in/a.mov -> in/a\n4 in/b.mov -> in/b\n"},
		{
			name: "mistakes by the server's rules", list: textList("key,input_path,output_path\na,in/a.mov,x\nb,,y\nc,https://example.com/c.mov,z\nd,in/d.mov,x\n"), jobs: 4,
			mistakes: "3 input_path: is required: the path of the asset on the input storage\n" +
				"4 input_path: is a URL: the storage \"default\" has the host; give the path below it: \"c.mov\"\n" +
				"5 output_path: \"x\" is written to by line 2 already; one would overwrite the other\n",
			sample: "2 in/a.mov -> x\n3  -> y\n4 https://example.com/c.mov -> z\n5 in/d.mov -> x\n",
			lines:  "3 b,,y\n4 c,https://example.com/c.mov,z\n5 d,in/d.mov,x\n",
		},
		{
			name: "mistakes of form", list: textList("key,inputpath,size\na,in/a.mov,17\na,in/b.mov,18\n"),
			mistakes: "1 : unknown column \"inputpath\"; did you mean \"input_path\"?\n" +
				"1 : unknown column \"size\"; the columns are key, name, input_path, output_path and var:<name>\n" +
				"1 : the column input_path is missing\n",
			lines: "1 key,inputpath,size\n", remedy: &stokerv1.JobList{Columns: map[string]string{"inputpath": "input_path"}},
		},
		{name: "columns that are named", list: &stokerv1.JobList{
			Content: &stokerv1.JobList_Text{Text: "File,Size\nin/a.mov,17\n"}, Columns: map[string]string{"File": "input_path"},
		}, jobs: 1, sample: "2 in/a.mov -> in/a\n"},
		{name: "paths", list: &stokerv1.JobList{
			Content: &stokerv1.JobList_Text{Text: "in/a.mov\nin/b.mov\n"}, Format: stokerv1.ListFormat_LIST_FORMAT_PATHS,
		}, jobs: 2, sample: "1 in/a.mov -> in/a\n2 in/b.mov -> in/b\n"},
		{
			name: "JSON on one line", list: textList(`[{"input_path":"a.mov"},{"input_path":""}]`), jobs: 2,
			mistakes: "1 input_path: is required: the path of the asset on the input storage\n",
			sample:   "1 a.mov -> a\n1  -> \n", lines: "1 [{\"input_path\":\"a.mov\"},{\"input_path\":\"\"}]\n",
		},
		{name: "gzip", list: dataList(packed(t, []byte("input_path\npacked.mov\n"))), jobs: 1, sample: "2 packed.mov -> packed\n"},
		{name: "UTF-16", list: dataList(wide), jobs: 1, sample: "2 ä.mov -> ä\n"},
		{
			name: "another charset", list: dataList([]byte("input_path\nM\xe4dchen.mov\n")),
			mistakes: "2 : input_path: byte 2, 0xE4, is not UTF-8: save the list as \"CSV UTF-8\", or say which charset it has, with charset\n",
			remedy:   &stokerv1.JobList{Charset: "latin1"}, lines: "2 M\ufffddchen.mov\n",
		},
		{name: "another charset that is named", list: &stokerv1.JobList{
			Content: &stokerv1.JobList_Data{Data: []byte("input_path\nM\xe4dchen.mov\n")}, Charset: "latin1",
		}, jobs: 1, sample: "2 Mädchen.mov -> Mädchen\n"},
		{
			name: "a column with quotes in its name", list: textList("\"\"\"Master\"\"\",Size\nin/a.mov,17\n"),
			mistakes: "1 : no column is known: the columns are key, name, input_path, output_path and var:<name>; it reads \"\\\"\\\"\\\"Master\\\"\\\"\\\",Size\"\n",
			lines:    "1 \"\"\"Master\"\"\",Size\n", remedy: &stokerv1.JobList{Columns: map[string]string{`"Master"`: "input_path"}},
		},
		{
			name: "a gzip file that is cut off", list: dataList(packed(t, []byte("input_path\npacked.mov\n"))[:30]),
			mistakes: "0 : the gzip file is damaged, or not complete: unexpected EOF\n",
		},
		{name: "a workbook", list: dataList([]byte("PK\x03\x04...")), mistakes: "0 : this is a workbook, or another zip file: save the list as \"CSV UTF-8\"\n"},
		{
			name: "a template", list: textList("input_path,output_path,var:title,var:seconds\na.mov,a,A,1\nb.mov,b,B,x\n"), change: template, jobs: 2,
			mistakes: "3 var:seconds: \"x\": the template needs a number\n", sample: "2 a.mov -> a\n3 b.mov -> b\n", lines: "3 b.mov,b,B,x\n",
		},
		{
			name: "a warning", list: textList("input_path\n\" a.mov\"\n"), jobs: 1,
			warnings: "2 input_path: \" a.mov\" begins with a blank, which is kept\n", sample: "2  a.mov ->  a\n", lines: "2 \" a.mov\"\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			submission := &stokerv1.SubmitBatchRequest{List: tt.list}
			if tt.change != nil {
				tt.change(submission)
			}
			resp, err := w.submissions.CheckList(t.Context(), &stokerv1.CheckListRequest{Submission: submission})
			if err != nil {
				t.Fatal(err)
			}
			if resp.GetJobCount() != tt.jobs {
				t.Errorf("%d jobs, want %d", resp.GetJobCount(), tt.jobs)
			}
			if diff := cmp.Diff(tt.mistakes, findingLines(resp.GetMistakes())); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
			if n := int64(strings.Count(tt.mistakes, "\n")); resp.GetMistakeCount() != n {
				t.Errorf("%d mistakes, want %d", resp.GetMistakeCount(), n)
			}
			if diff := cmp.Diff(tt.warnings, findingLines(resp.GetWarnings())); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			var sample, lines strings.Builder
			for _, j := range resp.GetSample() {
				fmt.Fprintf(&sample, "%d %s -> %s\n", j.GetLine(), j.GetJob().GetInputPath(), j.GetJob().GetOutputPath())
			}
			for _, l := range resp.GetLines() {
				fmt.Fprintf(&lines, "%d %s\n", l.GetLine(), l.GetText())
			}
			if diff := cmp.Diff(tt.sample, sample.String()); diff != "" {
				t.Errorf("sample (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.lines, lines.String()); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.remedy, resp.GetRemedy(), protocmp.Transform()); diff != "" {
				t.Errorf("remedy (-want +got):\n%s", diff)
			}
			// What is submitted is what was checked.
			submitted, err := w.batches.SubmitBatch(t.Context(), submission)
			if tt.mistakes == "" {
				if err != nil || submitted.GetBatch().GetJobCount() != tt.jobs {
					t.Errorf("submitted %d jobs, want %d: %v", submitted.GetBatch().GetJobCount(), tt.jobs, err)
				}
				return
			}
			wantCode(t, err, codes.InvalidArgument)
			var want strings.Builder
			for _, f := range resp.GetMistakes() {
				field := "list"
				if f.GetLine() > 0 {
					field += fmt.Sprintf(":%d", f.GetLine())
				}
				if f.GetColumn() != "" {
					field += "." + f.GetColumn()
				}
				fmt.Fprintf(&want, "%s: %s\n", field, f.GetMessage())
			}
			if diff := cmp.Diff(want.String(), violations(err)); diff != "" {
				t.Errorf("violations of SubmitBatch (-CheckList +SubmitBatch):\n%s", diff)
			}
		})
	}
}

// packed packs a text by gzip.
func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// What is wrong besides the list is an error of the call.
func TestCheckListRefuses(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct {
		name string
		req  *stokerv1.CheckListRequest
		want string
	}{
		{"nothing", &stokerv1.CheckListRequest{}, "submission: value is required\n"},
		{"no list", &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{}}, "submission.list: is empty: set text or data\n"},
		{"jobs", &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{List: textList("input_path\na\n"), Jobs: specs(1, 1)}}, "submission.list: excludes jobs\n"},
		{
			"unpacks to too much", &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{List: dataList(packed(t, bytes.Repeat([]byte(" "), 65<<20)))}},
			"submission.list: unpacks to more than 67108864 bytes; send the jobs in parts with AddJobs, as stoker submit does\n",
		},
		{
			"a column and a charset", &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{List: &stokerv1.JobList{
				Content: &stokerv1.JobList_Text{Text: "a"}, Charset: "klingon", Columns: map[string]string{"File": "inputpath"},
			}}},
			"submission.list.columns: File=inputpath: \"inputpath\" is no field of a job; did you mean \"input_path\"?\n" +
				"submission.list.charset: klingon: unknown charset; known are utf-8, utf-16, latin1, windows-1252, macintosh, cp850, shift_jis, gbk and others\n",
		},
		{
			"a charset of a text", &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{List: &stokerv1.JobList{
				Content: &stokerv1.JobList_Text{Text: "input_path\nété.mov\n"}, Charset: "latin1",
			}}},
			"submission.list.charset: is for data: text has no charset of its own\n",
		},
		{
			"a profile", &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{
				List: textList("input_path\na.mov\n\n"), EncodeWith: &stokerv1.SubmitBatchRequest_Profile{Profile: "hvec"},
			}},
			"submission.profile: unknown profile \"hvec\"; there are: default, hevc\n",
		},
	} {
		_, err := w.submissions.CheckList(t.Context(), tt.req)
		wantCode(t, err, codes.InvalidArgument)
		if diff := cmp.Diff(tt.want, violations(err)); diff != "" {
			t.Errorf("%s: violations (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A list may have as many jobs as a request, and its answer stays small.
func TestCheckListOfManyJobs(t *testing.T) {
	w := newWorld(t, nil)
	var text strings.Builder
	text.WriteString("input_path,name\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "in/%d.mov,%s\n", i, strings.Repeat("n", 180))
	}
	for range 300 {
		text.WriteString(",none\n")
	}
	resp, err := w.submissions.CheckList(t.Context(), &stokerv1.CheckListRequest{
		Submission: &stokerv1.SubmitBatchRequest{List: textList(text.String())}, SampleSize: new(int32(1000)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetJobCount() != 20_300 || len(resp.GetSample()) != 1000 || resp.GetMistakeCount() != 300 || len(resp.GetMistakes()) != 100 || len(resp.GetLines()) != 100 {
		t.Errorf("%d jobs, a sample of %d, %d of %d mistakes, %d lines", resp.GetJobCount(), len(resp.GetSample()),
			len(resp.GetMistakes()), resp.GetMistakeCount(), len(resp.GetLines()))
	}
}

// A small request cannot have the server keep millions of jobs: reading stops after as many as a request may have.
func TestCheckListOfTooManyJobs(t *testing.T) {
	w := newWorld(t, nil)
	list := dataList(packed(t, bytes.Repeat([]byte("a\n"), 16<<20)))
	list.Format = stokerv1.ListFormat_LIST_FORMAT_PATHS
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := w.submissions.CheckList(t.Context(), &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{List: list}})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	const want = "0 : the list has more than 100000 jobs: send the jobs in parts with AddJobs, as stoker submit does\n"
	if diff := cmp.Diff(want, findingLines(resp.GetMistakes())); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 200 {
		t.Errorf("a request of %d KiB took %d MiB of memory", len(list.GetData())>>10, took)
	}
}

// A list with skip_succeeded says how many jobs would be left out, and its jobs get keys.
func TestCheckListCountsSucceeded(t *testing.T) {
	w := newWorld(t, nil)
	submission := func() *stokerv1.SubmitBatchRequest {
		return &stokerv1.SubmitBatchRequest{List: textList("input_path\na.mov\nb.mov\n"), SkipSucceeded: true}
	}
	first, err := w.batches.SubmitBatch(t.Context(), submission())
	if err != nil {
		t.Fatal(err)
	}
	if name := first.GetBatch().GetDisplayName(); name != "titles.csv" {
		t.Errorf("the batch is called %q, want the list's name", name)
	}
	w.finish(first.GetBatch().GetId(), 1)
	resp, err := w.submissions.CheckList(t.Context(), &stokerv1.CheckListRequest{Submission: submission()})
	if err != nil || resp.GetSucceededCount() != 1 || resp.GetJobCount() != 2 {
		t.Errorf("%d of %d jobs have succeeded, want 1 of 2: %v", resp.GetSucceededCount(), resp.GetJobCount(), err)
	}
}
