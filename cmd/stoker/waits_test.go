package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
	"github.com/stokerd/stoker/job"
)

// situation is something for which nothing moves, in a service that runs.
type situation struct {
	name   string
	sim    *simulator.Simulator
	config string       // of the service, besides the defaults
	submit []string     // what is submitted: the flags of one submission each
	first  job.WaitCode // why it waits before act; empty: it does not matter
	act    []string     // commands that follow
	then   string       // the configuration of another service on the same job table; empty: the first one is asked

	batch   int          // its number; 0: that of the last submission
	code    job.WaitCode // why it waits
	account job.WaitCode // why the account starts nothing; empty: it does not matter here
	words   string       // in the reason
	row     string       // in its row of the list, if that has other words
	change  string       // what the command says of what would change it
	since   bool         // the reason has a beginning
	until   bool         // it has an end, or a next try
}

// refused is a simulator that answers all calls, or those to a path, with a fault.
func refused(fault simulator.Fault, path string) *simulator.Simulator {
	return &simulator.Simulator{Unlimited: true, Fault: func(c simulator.Call) simulator.Fault {
		if strings.HasSuffix(c.Path, path) {
			return fault
		}
		return simulator.Fault{}
	}}
}

// busy is a simulator on which encodings take an hour.
func busy() *simulator.Simulator { return &simulator.Simulator{Unlimited: true, Duration: time.Hour} }

func situations() []situation {
	hour := func(change func(*simulator.Simulator)) *simulator.Simulator {
		s := busy()
		change(s)
		return s
	}
	ends := func(e simulator.TaskError) *simulator.Simulator {
		return &simulator.Simulator{Unlimited: true, Duration: time.Millisecond, Outcome: func(simulator.Encoding, int) simulator.Outcome {
			return simulator.Outcome{Status: simulator.Error, Error: &e}
		}}
	}
	failing := ends(simulator.TaskError{Code: 1_000, Text: "no video stream", RetryHint: simulator.NoRetry})
	lost := ends(simulator.TaskError{Code: 60_001, Text: "an encoder was lost", RetryHint: simulator.Retry})
	one := []string{""}
	const archive = `
accounts: [{id: default, api_key_env: BITMOVIN_API_KEY}, {id: archive, api_key_env: BITMOVIN_API_KEY, queue_target: 1}]
`
	const store = `
storages: [{name: attic, use: output, type: S3, bucket: attic, access_key_env: S3_OUTPUT_ACCESS_KEY, secret_key_env: S3_OUTPUT_SECRET_KEY}]
`
	const secret = `
templates: {drm: {file: drm.yaml}}
secrets: {drm: {file: no-such-file}}
`
	return []situation{
		{
			name: "batch paused", sim: busy(), config: "queue_target: 1", submit: []string{"", ""}, act: []string{"pause 2 --reason new-logo"},
			code: job.WaitBatchPaused, words: "the batch is paused: new-logo", row: "new-logo", change: "stoker resume 2", since: true,
		},
		{
			name: "failure limit", sim: failing, config: "queue_target: 1", submit: []string{"--failure-limit 1 --max-retries 0"},
			code: job.WaitBatchPaused, words: "the batch is paused: failure limit of 1 reached", row: "failure limit of 1 reached", change: "stoker resume 1", since: true,
		},
		{
			name: "account paused", sim: busy(), config: "queue_target: 1", submit: one, act: []string{"pause --account default --reason invoice"},
			code: job.WaitAccountPaused, account: job.WaitAccountPaused, words: "account default is paused: invoice", change: "stoker resume --account default", since: true,
		},
		{
			name: "daily ceiling", sim: busy(), config: "max_starts_per_day: 1", submit: one,
			code: job.WaitDailyLimit, account: job.WaitDailyLimit, words: "1 of 1 starts of the day have been made", change: "at once: stoker resume --account default", until: true,
		},
		{
			name: "ceiling of a principal", sim: busy(), config: "auth: {max_starts_per_day: [{principal: local, starts: 1}]}", submit: one,
			code: job.WaitDailyLimit, words: "all 1 starts of the day for batches of local have been made", change: "a higher ceiling in auth.max_starts_per_day", until: true,
		},
		{
			name: "our queue is full", sim: hour(func(s *simulator.Simulator) { s.Encoders = 1 }), config: "queue_target: 1", submit: one,
			code: job.WaitQueueFull, account: job.WaitQueueFull, words: "waiting for a free place (1 of 1 queued)", row: "1 of 1 queued at Bitmovin", change: "when an encoder takes one",
		},
		{
			// By encodings of others: were they its own, the service would soon try less, and wait for one of them to end.
			name: "the platform's queue is full", sim: refused(simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden, Code: simulator.CodeQueueFull}, "/start"), submit: one,
			code: job.WaitPlatformFull, account: job.WaitPlatformFull, words: "the platform says that its queue is full", change: "when Bitmovin takes more encodings",
		},
		{
			name: "401", sim: &simulator.Simulator{Unlimited: true, APIKeys: []string{"another"}}, submit: one,
			code: job.WaitBreaker, account: job.WaitBreaker, words: "HTTP 401", change: "no job loses an attempt", since: true, until: true,
		},
		{
			name: "403", sim: refused(simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden, Code: 1000}, ""), submit: one,
			code: job.WaitBreaker, account: job.WaitBreaker, words: "HTTP 403", change: "no job loses an attempt", since: true, until: true,
		},
		{
			name: "rate limit", sim: &simulator.Simulator{Duration: time.Hour, Limits: []simulator.Limit{{Group: "encodings", Method: http.MethodPost, Calls: 1}}},
			submit: []string{"", "", "", ""}, // one job is begun each minute
			code:   job.WaitBudget, account: job.WaitBudget, words: "the rate limit for calls of class", change: "goes on by itself", until: true,
		},
		{
			name: "the platform is away", sim: refused(simulator.Fault{Kind: simulator.ResetFault}, ""), submit: one,
			code: job.WaitBreaker, account: job.WaitBreaker, words: "the platform cannot be used since", change: "no job loses an attempt", since: true, until: true,
		},
		{
			name: "quota", sim: refused(simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden, Code: simulator.CodeMinutes}, "/start"), submit: one,
			code: job.WaitBreaker, words: "code 8001", change: "no job loses an attempt", since: true, until: true,
		},
		{
			name: "back-off", sim: lost, submit: []string{"--max-retries 10"},
			code: job.WaitBackoff, account: job.WaitBackoff, words: "pause before attempt", change: "goes on by itself", until: true,
		},
		{
			name: "output that may not be written", sim: hour(func(s *simulator.Simulator) {
				s.DenyPermission = func(simulator.PermissionCheck) string { return "Access Denied" }
			}), submit: one,
			code: job.WaitStorage, words: "the platform may not write to", change: "stoker pause 1, stoker resume 1", since: true, until: true,
		},
		{
			name: "storage that is configured no longer", sim: busy(), config: store, submit: []string{"--output attic"}, act: []string{"pause 1", "resume 1"}, then: " ",
			code: job.WaitStorage, words: `"attic"`, change: "to go on: correct what is refused", since: true, until: true,
		},
		{
			name: "account that is configured no longer", sim: busy(), config: archive, submit: []string{"--account archive"}, then: " ",
			code: job.WaitAccountMissing, words: `the server has no account "archive" any more`, change: "put account archive back into the server's configuration",
		},
		{
			name: "behind a higher priority", sim: hour(func(s *simulator.Simulator) { s.Encoders = 1 }), config: "queue_target: 1", submit: []string{"--priority 10", "--priority 90"}, batch: 1,
			code: job.WaitPriority, words: "of higher priority", row: "of a higher priority go first", change: "stoker update 1 --priority N",
		},
		{
			name: "no encoder", sim: &simulator.Simulator{Unlimited: true, StartDelay: time.Hour}, submit: one,
			code: job.WaitEncoder, words: "waiting for an encoder", change: "when an encoder is free", since: true,
		},
		{
			name: "a stop without effect", sim: hour(func(s *simulator.Simulator) { s.Encoders, s.StopDelay = 1, time.Hour }), config: "queue_target: 1", submit: one, first: job.WaitQueueFull, act: []string{"cancel 1 --yes"},
			code: job.WaitStop, words: "cancelling was requested", change: "goes on by itself", since: true,
		},
		{
			name: "a start without an answer", sim: refused(simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout}, "/start"), config: "queue_target: 3", submit: one,
			code: job.WaitUnknownStart, words: "a start was not answered", change: "goes on by itself", since: true, until: true,
		},
		{
			name: "open for more", sim: &simulator.Simulator{Unlimited: true, Duration: time.Millisecond}, submit: []string{"--keep-open"},
			code: job.WaitMoreJobs, account: job.WaitIdle, words: "the batch is open for more", change: "stoker add 1 LIST", since: true,
		},
		{
			name: "secret of a template that is not there", sim: busy(), config: secret, submit: []string{"--template drm"},
			code: job.WaitStorage, words: "no-such-file", change: "to go on: correct what is refused", since: true, until: true,
		},
		{
			name: "secret of a template that is configured no longer", sim: busy(), config: secret, submit: []string{"--template drm"}, then: " ",
			code: job.WaitStorage, words: `the configuration has no secret "drm"`, change: "to go on: correct what is refused", since: true, until: true,
		},
	}
}

// Whatever keeps a batch from moving, one look says why, since when or until when, and what would change it: the
// commands, the contract, the JSON that the page shows, and the metrics tell the same.
func TestNothingMoves(t *testing.T) {
	var group errgroup.Group
	group.SetLimit(8) // they wait more than they work
	for i, tt := range situations() {
		if testing.Short() && i%3 != 0 {
			continue
		}
		group.Go(func() error {
			t.Run(tt.name, func(t *testing.T) { tt.run(t) })
			return nil
		})
	}
	_ = group.Wait() // the tests tell what is wrong
}

func (tt *situation) run(t *testing.T) {
	env := serviceEnv(t, tt.sim)
	env["STOKER_POLL_INTERVAL"], env["STOKER_CONFIG"] = "200ms", filepath.Join(t.TempDir(), "stoker.yaml")
	s := tt.start(t, env, tt.config)
	for i, flags := range tt.submit {
		list := fmt.Sprintf("input_path\na%[1]d.mov\nb%[1]d.mov\nc%[1]d.mov\n", i)
		tt.command(t, s, list, append([]string{"submit", "-"}, strings.Fields(flags)...)...)
	}
	if tt.first != "" {
		tt.await(t, s, tt.first)
	}
	for _, line := range tt.act {
		tt.command(t, s, "", strings.Fields(line)...)
	}
	if tt.then != "" {
		s.stop()
		s = tt.start(t, env, tt.then)
	}
	tt.check(t, s)
}

func (tt *situation) start(t *testing.T, env map[string]string, config string) serving {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(env["STOKER_CONFIG"]), "drm.yaml"), []byte(sample.SecretTemplate), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(env["STOKER_CONFIG"], []byte(strings.TrimSpace(config)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return startService(t, env)
}

// command runs a command that has to succeed, and returns what it prints.
func (tt *situation) command(t *testing.T, s serving, stdin string, args ...string) string {
	t.Helper()
	got := command{stdin: stdin, now: time.Now()}.run(t.Context(), append(args, "--server", s.grpc)...)
	if got.code != exitOK {
		t.Fatalf("%v: exit code %d: %s", args, got.code, got.stderr)
	}
	return got.stdout
}

// check compares what is told everywhere. What was over before it was looked at everywhere, such as a back-off, is
// awaited again; metrics may be a second old, and are given to nobody more than 20 times a second.
func (tt *situation) check(t *testing.T, s serving) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	late := time.After(longEnough)
	for {
		wrong := tt.compare(t, s, tt.await(t, s, tt.code))
		if len(wrong) == 0 {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatal(strings.Join(wrong, "\n"))
		}
	}
}

// waiting is what JSON tells of a batch or an account.
type waiting struct {
	Wait       struct{ Code, Since, Until string }
	WaitReason string `json:"wait_reason"`
}

// page returns what the page gets of the batch.
func (tt *situation) page(t *testing.T, s serving, id string) waiting {
	t.Helper()
	var answer struct{ Batch waiting }
	post(t, s.web+"/stoker.v1.BatchService/GetBatch", `{"batchId":"`+id+`"}`, &answer)
	return answer.Batch
}

// compare returns what is not told as it should be.
func (tt *situation) compare(t *testing.T, s serving, b *stokerv1.Batch) (wrong []string) {
	t.Helper()
	want := func(what, told, part string) {
		if !strings.Contains(told, part) {
			wrong = append(wrong, fmt.Sprintf("%s does not say %q:\n%s", what, part, told))
		}
	}
	number, code := fmt.Sprint(b.GetNumber()), "WAIT_CODE_"+string(tt.code)
	want("the contract", b.GetWaitReason(), tt.words)
	if w := b.GetWait(); tt.since && w.GetSince() == nil || tt.until && w.GetUntil() == nil {
		wrong = append(wrong, fmt.Sprintf("the batch waits for %v; want since %v, until %v", w, tt.since, tt.until))
	}
	page := tt.page(t, s, b.GetId())
	want("the page", page.WaitReason, tt.words)
	if page.Wait.Code != code || tt.since && page.Wait.Since == "" || tt.until && page.Wait.Until == "" {
		wrong = append(wrong, fmt.Sprintf("the page gets %+v", page))
	}
	want("stoker batch", tt.command(t, s, "", "batch", number), tt.change)
	want("stoker batches", tt.command(t, s, "", "batches"), cmp.Or(tt.row, tt.words))
	metrics := fetch(t, "http://"+s.admin+"/metrics")
	if b.GetCounts().GetWaiting() > 0 {
		want("stoker_waiting_jobs", metrics, `,reason="`+string(tt.code)+`"} `)
	}
	if tt.account == "" {
		return wrong
	}
	var account struct{ Account waiting }
	post(t, s.web+"/stoker.v1.AccountService/GetAccount", `{"accountId":"default"}`, &account)
	want("the account", account.Account.Wait.Code, "WAIT_CODE_"+string(tt.account))
	want("stoker_account_wait", metrics, `stoker_account_wait{account="default",code="`+string(tt.account)+`"} 1`)
	if tt.account == tt.code {
		reason, _, _ := strings.Cut(account.Account.WaitReason, " until ") // times are local there
		if sheet := tt.command(t, s, "", "account", "get", "default"); !strings.Contains(sheet, tt.change) {
			want("stoker account get", sheet, reason)
		}
	}
	return wrong
}

// await watches the batch until it waits for a reason, and returns it.
func (tt *situation) await(t *testing.T, s serving, code job.WaitCode) (last *stokerv1.Batch) {
	t.Helper()
	conn, err := client.Dial(s.grpc, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	defer cancel()
	request := &stokerv1.WatchBatchRequest{BatchId: fmt.Sprint(cmp.Or(tt.batch, len(tt.submit)))}
	for message, err := range conn.Watch(ctx, request) {
		if err != nil {
			break
		}
		if message.GetBatch() != nil {
			last = message.GetBatch()
		}
		if last.GetWait().GetCode().String() == "WAIT_CODE_"+string(code) {
			return last
		}
	}
	t.Fatalf("the batch never waits for %s; at last for %v, in %v", code, last.GetWait(), last.GetState())
	return nil
}

// post calls a method as a browser does.
func post(t *testing.T, url, body string, answer any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if err := json.Unmarshal([]byte(do(t, request)), answer); err != nil {
		t.Fatal(err)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

// do returns the body of the answer to a request.
func do(t *testing.T, request *http.Request) string {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v, %s", request.URL, response.Status, err, body)
	}
	return string(body)
}
