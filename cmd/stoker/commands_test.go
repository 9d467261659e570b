package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/sample"
	"github.com/stokerd/stoker/job"
)

func TestOutput(t *testing.T) {
	for _, tt := range []struct {
		name  string
		args  string
		watch []*stokerv1.WatchBatchResponse
		code  int
	}{
		{name: "batches", args: "batches"},
		{name: "batches-json", args: "batches -o json --state active,failed -l team=vod"},
		{name: "jobs", args: "jobs " + sample.BatchID},
		{name: "jobs-csv", args: "jobs " + sample.BatchID + " -o csv"},
		{name: "jobs-jsonl", args: "jobs " + sample.BatchID + " -o jsonl"},
		{name: "jobs-json", args: "jobs " + sample.BatchID + " -o json"},
		{name: "job", args: "job " + sample.BatchID + "/2"},
		{name: "job-json", args: "job " + sample.BatchID + "/2 -o json"},
		{name: "accounts", args: "accounts"},
		{name: "accounts-json", args: "accounts -o json"},
		{name: "cancel-job", args: "cancel " + sample.BatchID + "/2 --reason late"},
		{name: "cancel-batch", args: "cancel " + sample.BatchID + " --yes"},
		{name: "retry", args: "retry " + sample.BatchID + " --yes"},
		{name: "pause-account", args: "pause --account default --reason invoice"},
		{name: "watch-failed", args: "watch " + sample.BatchID, watch: sample.Watch(stokerv1.BatchState_BATCH_STATE_FAILED), code: 1},
		{name: "watch-succeeded", args: "watch " + sample.BatchID, watch: sample.Watch(stokerv1.BatchState_BATCH_STATE_SUCCEEDED)},
		{name: "watch-json", args: "watch -o jsonl " + sample.BatchID, watch: sample.Watch(stokerv1.BatchState_BATCH_STATE_CANCELLED), code: 1},
		{name: "unknown-batch", args: "jobs nothing", code: 2},
		{name: "resume", args: "resume " + sample.BatchID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{watch: tt.watch}
			c := command{env: map[string]string{"STOKER_SERVER": f.start(t)}}
			got := c.run(t.Context(), strings.Fields(tt.args)...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			golden.Check(t, tt.name, "$ stoker "+tt.args+"\n"+withoutStamps(got.stdout)+section("stderr", got.stderr))
		})
	}
}

// withoutStamps is a log with TIME for the time at the beginning of each line.
func withoutStamps(log string) string {
	return regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d `).ReplaceAllString(log, "TIME ")
}

func section(name, text string) string {
	if text == "" {
		return ""
	}
	return "--- " + name + "\n" + text
}

func TestRequests(t *testing.T) {
	failed := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}
	for _, tt := range []struct {
		args string
		want proto.Message
	}{
		{"jobs " + sample.BatchID + " --state FAILED --key a", &stokerv1.ListJobsRequest{BatchId: sample.BatchID, States: failed, Keys: []string{"a"}, PageSize: job.MaxPageSize}},
		{"watch " + sample.BatchID, &stokerv1.WatchBatchRequest{BatchId: sample.BatchID, IncludeJobs: true}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{watch: sample.Watch(stokerv1.BatchState_BATCH_STATE_SUCCEEDED)}
			got := command{}.run(t.Context(), append(strings.Fields(tt.args), "--server", f.start(t))...)
			if got.code != exitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			if diff := cmp.Diff(tt.want, f.last(t), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubmit(t *testing.T) {
	f := &fake{}
	list := "key,name,input_path\nsintel,Sintel,in/sintel.mov\n"
	got := command{stdin: list}.run(t.Context(), "submit", "-", "--server", f.start(t), "--name", "night run", "--profile", "hevc",
		"--input", "masters", "--output", "encodes", "--priority", "0", "--max-retries", "0", "-l", "team=vod", "-l", "a=", "--request-id", "once")
	want := result{exitOK, sample.BatchID + "\n", sample.BatchID + " night run: 1 job submitted\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	request := &stokerv1.SubmitBatchRequest{
		RequestId: "once", DisplayName: "night run", EncodeWith: &stokerv1.SubmitBatchRequest_Profile{Profile: "hevc"},
		Input: "masters", Output: "encodes", Priority: new(int32(0)), MaxRetries: new(int32(0)),
		Labels: map[string]string{"team": "vod", "a": ""},
		Jobs:   []*stokerv1.JobSpec{{Key: "sintel", Name: "Sintel", InputPath: "in/sintel.mov"}},
	}
	if diff := cmp.Diff(proto.Message(request), f.last(t), protocmp.Transform()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestSubmitDryRunForPrograms(t *testing.T) {
	f := &fake{}
	got := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--dry-run", "-o", "json", "--server", f.start(t))
	var b stokerv1.Batch
	if err := protojson.Unmarshal([]byte(got.stdout), &b); err != nil || b.GetJobCount() == 0 || got.code != exitOK {
		t.Errorf("%+v, %v; want the batch as the server would make it", got, err)
	}
	if want := "standard input: 1 job, no mistakes; nothing was sent\n"; got.stderr != want {
		t.Errorf("stderr is %q, want %q", got.stderr, want)
	}
}

func TestSubmitSample(t *testing.T) {
	f := &fake{}
	c := command{env: map[string]string{"HTTP_INPUT_FILE_PATH": "/videos/1080p_Sintel.mp4"}}
	got := c.run(t.Context(), "submit", "--sample", "--server", f.start(t))
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	request := &stokerv1.SubmitBatchRequest{DisplayName: "BatchEncoding"}
	for i := range 6 {
		name := fmt.Sprintf("encoding%d", i+1)
		request.Jobs = append(request.Jobs, &stokerv1.JobSpec{
			Key: name, Name: name, InputPath: "/videos/1080p_Sintel.mp4", OutputPath: "BatchEncoding/videos/1080p_Sintel.mp4/" + name,
		})
	}
	ignoreID := protocmp.IgnoreFields(&stokerv1.SubmitBatchRequest{}, "request_id")
	if diff := cmp.Diff(proto.Message(request), f.last(t), protocmp.Transform(), ignoreID); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestSubmitNamesTheLinesOfTheList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "titles.csv")
	if err := os.WriteFile(file, []byte("input_path,output_path\n\na.mov,a\nb.mov,../b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fake{refuse: invalid(t, "jobs[1].output_path", "leaves the storage", "profile", `unknown profile "x"`, "jobs[9]", "odd")}
	got := command{}.run(t.Context(), "submit", file, "--server", f.start(t))
	want := result{exitUsage, "", `titles.csv:4: output_path "../b": leaves the storage
profile: unknown profile "x"
jobs[9]: odd
stoker: 3 mistakes in 2 lines; nothing was sent
`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestSubmitBringsItsTemplate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ladder.yaml")
	if err := os.WriteFile(file, []byte("metadata: {type: VOD}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fake{refuse: invalid(t, "inline_template.yaml", "line 1: encodings: want one encoding, not 0",
		"inline_template.fallback_regions[1]", `"x" is no region`, "inline_template.yaml", "is odd", "jobs[0].variables.title", "is required")}
	run := command{stdin: "var:seconds\n12\n"}
	got := run.run(t.Context(), "submit", "-", "--template-file", file, "--fallback-region", "AWS_US_EAST_1", "--fallback-region", "x", "--server", f.start(t))
	want := result{exitUsage, "", `ladder.yaml:1: encodings: want one encoding, not 0
--fallback-region: "x" is no region
ladder.yaml: is odd
standard input:2: var:title: is required
stoker: 4 mistakes in 1 line; nothing was sent
`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	request := &stokerv1.SubmitBatchRequest{
		DisplayName: "standard input",
		EncodeWith: &stokerv1.SubmitBatchRequest_InlineTemplate{InlineTemplate: &stokerv1.InlineTemplate{
			Yaml: "metadata: {type: VOD}\n", FallbackRegions: []string{"AWS_US_EAST_1", "x"},
		}},
		Jobs: []*stokerv1.JobSpec{{Variables: map[string]string{"seconds": "12"}}},
	}
	ignoreID := protocmp.IgnoreFields(&stokerv1.SubmitBatchRequest{}, "request_id")
	if diff := cmp.Diff(proto.Message(request), f.last(t), protocmp.Transform(), ignoreID); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestWrongUse(t *testing.T) {
	for _, tt := range []struct {
		args  string
		stdin string
		want  string // in what is printed to stderr
	}{
		{args: "sumbit", want: "stoker: there is no command \"sumbit\"; did you mean\n  stoker submit\n"},
		{args: "bathces --foo", want: "stoker: there is no command \"bathces\"; did you mean\n  stoker batches\n"},
		{args: "--foo bathces", want: "stoker: there is no command \"bathces\"; did you mean\n  stoker batches\n"},
		{args: "xyzzy --foo", want: "stoker: there is no command \"xyzzy\"; stoker --help lists them\n"},
		{args: "context ad --server x", want: "stoker: there is no command \"ad\"; did you mean\n  stoker context add\n"},
		{args: "--foo", want: "stoker: there is no flag --foo; stoker --help lists the flags\n"},
		{args: "help sumbit", want: "stoker: there is no help on \"sumbit\"; did you mean\n  stoker help submit\n"},
		{args: "help xyzzy", want: "and the topics are exit, flags, lists, names, output\n"},
		{args: "completion tcsh", want: "want bash, zsh or fish"},
		{args: "token revoke", want: "stoker: want one argument at least, and got none: stoker token revoke ID...\n"},
		{args: "submit", want: "name one file, - for standard input, or --sample"},
		{args: "submit nowhere.csv", want: "nowhere.csv: no such file"},
		{args: "submit .", want: ". is a directory: name the list in it, or pipe one and say -"},
		{args: "submit - --list-format xml", want: "stoker: --list-format xml: want csv, jsonl, paths, s3-inventory, s3-ls\n"},
		{args: "submit - --list-format s3ls", want: "--list-format s3ls: want csv, jsonl, paths, s3-inventory, s3-ls; did you mean \"s3-ls\"?"},
		{args: "submit - --list-columns File", want: "--list-columns File: want THEIRS=OURS"},
		{args: "submit - --list-columns File=inputpath", want: `--list-columns File=inputpath: "inputpath" is no field of a job; did you mean "input_path"?`},
		{args: "submit - --list-columns A=key,B=Key", want: "--list-columns B=Key: A=key says otherwise"},
		{args: "submit - --list-charset latin", want: "--list-charset latin: unknown charset; known are utf-8,"},
		{args: "submit --sample --list-format csv", want: "--list-format and --sample cannot be used together"},
		{args: "plan - --encoders 1 --duration 1m --list-format xml", want: "--list-format xml: want csv"},
		{args: "failures", want: "name a batch, or choose among all jobs"},
		{args: "backup create", want: "want one argument, and got 0: stoker backup create FILE\n"},
		{args: "submit -", stdin: "input_path\n,\na,b,c\n", want: "standard input:3: 3 fields"},
		{args: "submit - --label x", stdin: "input_path\na\n", want: "--label x: want key=value"},
		{args: "submit - --profile a --template b", want: "stoker: --profile and --template cannot be used together\n"},
		{args: "submit - --template a --template-file b", want: "--template and --template-file cannot be used together"},
		{args: "submit - --template-file nowhere.yaml", stdin: "input_path\na\n", want: "nowhere.yaml: no such file"},
		{args: "submit - --template-file /dev/null", stdin: "input_path\na\n", want: "/dev/null: want a template"},
		{args: "submit - --fallback-region A", stdin: "input_path\na\n", want: "--fallback-region is for --template-file"},
		{args: "submit --sample", want: "set HTTP_INPUT_FILE_PATH"},
		{args: "watch", want: "want one argument, and got 0: stoker watch BATCH\n"},
		{args: "queue now", want: `stoker queue takes no arguments, and got "now"`},
		{args: "submit - --max-retries x", want: `invalid argument "x" for "--max-retries": want a number`},
		{args: "submit - --priority 99999999999", want: "the number is too large"},
		{args: "submit - --watch=x", want: "want true or false"},
		{args: "jobs b --state fialed", want: `did you mean "failed"?`},
		{args: "jobs b -o xml", want: "-o xml: want table, wide, json, jsonl, yaml, csv or name"},
		{args: "submit - -o name", want: "-o name: want table, json, jsonl or yaml"},
		{args: "cancel b --yes -o name", want: "-o name: want table, json, jsonl or yaml"},
		{args: "batches --watch -o csv", want: "--watch: -o csv: want table, wide, json or jsonl"},
		{args: "retry b --state running", want: "want one of failed, cancelled"},
		{args: "cancel b --state= --yes", want: "--state: the value is empty; give one, or leave the flag out"},
		{args: "cancel b --key-prefix= --yes", want: "--key-prefix: the value is empty"},
		{args: "retry b --cause=", want: "--cause: the value is empty"},
		{args: "delete --all --state= --yes", want: "--state: the value is empty"},
		{args: "update --account= --priority 9 --yes", want: "--account: the value is empty"},
		{args: "resubmit b --state=", want: "--state: the value is empty"},
		{args: "resubmit b --key-prefix=", want: "--key-prefix: the value is empty"},
		{args: "token create ci --role viewer --account= --db nowhere.db", want: "--account: the value is empty"},
		{args: "token create ci --role viewer --expires=", want: "--expires: the value is empty"},
		{args: "notifications add ops https://ops.example.com --event=", want: "--event: the value is empty"},
		{args: "notifications update ops --event=", want: "--event: the value is empty"},
		{args: "pause", want: "name a batch, or select batches with --label, --account or --all"},
		{args: "pause b --account a", want: "name batches, one account with --account, or all with --all-accounts"},
		{args: "batches --limit 0", want: "--limit 0"},
		{args: "batches --colour", want: "there is no flag --colour; stoker batches --help lists the flags"},
		{args: "batches --acount x", want: "there is no flag --acount; did you mean --account?"},
		{args: "batches -z", want: "there is no flag -z; stoker batches --help lists the flags"},
		{args: "queue --server stoker.example.com:7070 --tls-ca nowhere.crt", want: "CA: open nowhere.crt: no such file"},
		{args: "queue --server stoker.example.com:7070 --tls-ca commands_test.go", want: "CA: commands_test.go: there is no certificate in it"},
		{args: "queue --insecure --tls-ca ca.crt", want: "--insecure leaves out encryption"},
		{args: "queue --tls-cert own.crt", want: "tls-key"},
		{args: "queue --token-file nowhere", want: "token: open nowhere: no such file"},
		{args: "queue --server localhost", want: "--server localhost: want host:port, for example 127.0.0.1:7070"},
		{args: "queue --server http://127.0.0.1:7070", want: "want host:port"},
		{args: "simulate --faults 2", want: "--faults"},
		{args: "simulate --encoders 0", want: "--encoders 0"},
		{args: "simulate --fail nan", want: "--fail NaN: want 0 to 1"},
		{args: "simulate --listen nowhere", want: "--listen nowhere: want host:port"},
		{args: "serve --queue-target many --max-retries -1", want: `--queue-target: "many": want a whole number, 1 to 1000, or auto` + "\n--max-retries: "},
		{args: "serve --listen 0.0.0.0:7070", want: "--listen 0.0.0.0:7070: other machines can reach this, and nothing is encrypted."},
		{args: "serve --listen 0.0.0.0:7070", want: "\n  tls: {cert_file: /etc/stoker/tls.crt, key_file: /etc/stoker/tls.key}\n  auth: required\n"},
		{args: "serve --http-listen :7071", want: "--insecure-listen"},
		{args: "serve --auth none --web-url https://stoker.example.com", want: "whoever reaches it may spend the account's money"},
		{args: "serve --admin-listen [::]:7073", want: "--insecure-listen"},
		{args: "serve --listen :7070 --auth none --tls-cert-file a --tls-key-file b", want: "may spend the account's money. Put into the configuration file:\n  auth: required\n"},
		{args: "serve --listen :7070 --tls-cert-file a", want: "a certificate needs its key"},
		{args: "serve --listen unix://stoker.sock", want: "an absolute path"},
		{args: "serve --config nowhere.yaml", want: "nowhere.yaml: cannot be read"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			got := command{stdin: tt.stdin}.run(t.Context(), strings.Fields(tt.args)...)
			if got.code != exitUsage || got.stdout != "" {
				t.Errorf("exit code %d with output %q, want %d with none", got.code, got.stdout, exitUsage)
			}
			if !strings.Contains(got.stderr, tt.want) {
				t.Errorf("stderr is %q, want %q in it", got.stderr, tt.want)
			}
		})
	}
}

func TestServerOutOfReach(t *testing.T) {
	// Port 1 is reserved and nothing listens there.
	got := command{}.run(t.Context(), "batches", "--server", "127.0.0.1:1")
	want := "stoker: nothing answers at 127.0.0.1:1 (connection refused); start it, or name another" +
		" with --server HOST:PORT or --context NAME\n  stoker serve\n"
	if got.code != exitUnreachable || got.stderr != want {
		t.Errorf("exit code %d, want %d: %s", got.code, exitUnreachable, got.stderr)
	}
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	var stderr strings.Builder
	none := func(string) string { return "" }
	args := []string{"batches", "--server", (&fake{}).start(t)}
	code := run(t.Context(), args, none, strings.NewReader(""), fullDisk{}, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("exit code %d, want %d: %s", code, exitFailed, stderr.String())
	}
}

// fullDisk fails every write.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
