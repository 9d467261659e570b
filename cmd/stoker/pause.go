package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func pauseCommand(c *cli) *cobra.Command {
	var reason string
	v := &switching{cli: c, verb: "pause", done: "paused", already: "is paused already", impossible: "only a batch that starts jobs can be paused"}
	v.batches = func(conn *client.Client, selection *stokerv1.BatchSelection) change {
		return change{make: func(ctx context.Context, validateOnly bool) (effect, error) {
			response, err := conn.Batches().PauseBatches(ctx, &stokerv1.PauseBatchesRequest{Selection: selection, Reason: reason, ValidateOnly: validateOnly})
			return batchEffect(response.GetChanges(), response), err
		}}
	}
	v.one = func(ctx context.Context, conn *client.Client, id string) (proto.Message, error) {
		return conn.Batches().PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: id, Reason: reason})
	}
	v.accounts = func(ctx context.Context, conn *client.Client, id string) ([]*stokerv1.Account, proto.Message, error) {
		response, err := conn.Accounts().PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: id, All: id == "", Reason: reason})
		return append(response.GetAccounts(), response.GetAccount()), response, err
	}
	v.possible = func(s stokerv1.BatchState) bool {
		return s == stokerv1.BatchState_BATCH_STATE_OPEN || s == stokerv1.BatchState_BATCH_STATE_ACTIVE
	}
	cmd := v.command("Stop starting jobs of batches, or on an account, until stoker resume.")
	cmd.Example = `  stoker pause 411 --reason "wrong masters"
  stoker pause --label team=vod --dry-run
  stoker pause --account default          an account, with all its batches
  stoker pause --all-accounts --yes`
	cmd.Long = "Encodings that are queued or running at Bitmovin go on."
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT`: why; shown as what the jobs wait for")
	sectionFlags(cmd, how, "reason", "dry-run", "yes")
	return cmd
}

func resumeCommand(c *cli) *cobra.Command {
	v := &switching{cli: c, verb: "resume", done: "resumed", already: "is not paused", impossible: "only a paused batch can be resumed"}
	v.batches = func(conn *client.Client, selection *stokerv1.BatchSelection) change {
		return change{make: func(ctx context.Context, validateOnly bool) (effect, error) {
			response, err := conn.Batches().ResumeBatches(ctx, &stokerv1.ResumeBatchesRequest{Selection: selection, ValidateOnly: validateOnly})
			return batchEffect(response.GetChanges(), response), err
		}}
	}
	v.one = func(ctx context.Context, conn *client.Client, id string) (proto.Message, error) {
		return conn.Batches().ResumeBatch(ctx, &stokerv1.ResumeBatchRequest{BatchId: id})
	}
	v.accounts = func(ctx context.Context, conn *client.Client, id string) ([]*stokerv1.Account, proto.Message, error) {
		response, err := conn.Accounts().ResumeAccount(ctx, &stokerv1.ResumeAccountRequest{AccountId: id, All: id == ""})
		return append(response.GetAccounts(), response.GetAccount()), response, err
	}
	v.possible = func(s stokerv1.BatchState) bool { return s == stokerv1.BatchState_BATCH_STATE_PAUSED }
	cmd := v.command("Start jobs of paused batches, or of a paused account, again.")
	cmd.Example = `  stoker resume 411
  stoker resume --label team=vod --yes
  stoker resume --account default
  stoker resume --all-accounts --yes`
	cmd.Long = "Failures so far no longer count towards the failure limit of a batch."
	sectionFlags(cmd, how, "dry-run", "yes")
	return cmd
}

// switching is the command line of pause or resume.
type switching struct {
	*cli
	caution
	selection   selection
	account     string
	allAccounts bool

	verb, done string
	already    string // what to say of a batch that is as it would be afterwards
	impossible string // what to say of a batch that has ended
	possible   func(stokerv1.BatchState) bool
	batches    func(*client.Client, *stokerv1.BatchSelection) change
	one        func(ctx context.Context, conn *client.Client, id string) (proto.Message, error)
	accounts   func(ctx context.Context, conn *client.Client, id string) ([]*stokerv1.Account, proto.Message, error) // id "": all
}

func (v *switching) command(short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: v.verb + " BATCH...|-", Short: short, ValidArgsFunction: completions{v.cli}.batches,
		Args: func(cmd *cobra.Command, args []string) error {
			if v.account == "" && !v.allAccounts {
				return v.selection.checkArgs(cmd, args)
			}
			if len(args)+len(v.selection.labels) > 0 || v.selection.all || v.account != "" && v.allAccounts {
				return usagef("name batches, one account with --account, or all with --all-accounts")
			}
			return nil
		},
	}
	f := cmd.Flags()
	v.selection.addBatchFlags(v.cli, cmd, whichBatches)
	f.StringVar(&v.account, "account", "", "`ACCOUNT`: the account itself, with all its batches")
	f.BoolVar(&v.allAccounts, "all-accounts", false, "every account")
	sectionFlags(cmd, whichBatches, "account", "all-accounts")
	completeFlagFrom(cmd, "account", completions{v.cli}.accounts)
	v.addCautionFlags(cmd)
	return v.clientCommand(cmd, answerTimeout, v.run)
}

func (v *switching) run(ctx context.Context, conn *client.Client, args []string) error {
	if v.account != "" || v.allAccounts {
		return v.switchAccounts(ctx, conn)
	}
	found, err := v.selection.find(ctx, v.cli, conn, args)
	if err != nil {
		return err
	}
	if len(found.jobs) > 0 {
		return found.onlyBatches("only batches and accounts can be " + v.done)
	}
	if b := found.onlyBatch(); b != nil && !v.possible(b.GetState()) {
		return v.refuse(b)
	}
	asks := !found.byName || v.stdinIsList
	if asks {
		if err := v.checkCanAsk(v.cli, v.verb); err != nil {
			return err
		}
	}
	one := []change{v.batches(conn, found.batchSelection())}
	if b := found.onlyBatch(); b != nil {
		one[0] = wholeBatch(b, func(ctx context.Context, id string) (proto.Message, error) { return v.one(ctx, conn, id) })
	}
	if asks || v.dryRun {
		goOn, err := v.lookFirst(ctx, v.cli, one, firstLook{
			nothing: fmt.Sprintf("%sno batch can be %s", found.prefix(), v.done),
			would: func(e effect) string {
				return fmt.Sprintf("%s%s would be %s", found.prefix(), ui.BatchCount(e.batches), v.done)
			},
			question: func(e effect) string { return fmt.Sprintf("%s %s?", capitalised(v.verb), ui.BatchCount(e.batches)) },
		})
		if !goOn {
			return err
		}
	}
	done, err := makeAll(ctx, v.cli, v.done, one)
	if err != nil {
		return err
	}
	v.noteDone(found, done)
	return v.report(done, done.batches)
}

// refuse ends a verb for the one batch that it was told to change, and cannot.
func (v *switching) refuse(b *stokerv1.Batch) error {
	if ended := b.GetState(); ended == stokerv1.BatchState_BATCH_STATE_CANCELLING || ui.BatchEnded(b) {
		return usagef("%s is %s: %s", ui.BatchTitle(b), batchState(b), v.impossible)
	}
	v.note("%s %s", ui.BatchTitle(b), v.already)
	return v.report(effect{answers: []proto.Message{b}}, 0)
}

// noteDone says what was done.
func (v *switching) noteDone(found *selected, done effect) {
	text := v.done
	if found.onlyBatch() == nil {
		text = ui.BatchCount(done.batches) + " " + v.done
	}
	if n := done.atPlatform(); v.verb == "pause" && n > 0 {
		text += fmt.Sprintf("; %s at Bitmovin go on", output.Plural(n, "job"))
	}
	v.note("%s%s", found.prefix(), text)
}

// switchAccounts pauses or resumes one account, or all.
func (v *switching) switchAccounts(ctx context.Context, conn *client.Client) error {
	if v.allAccounts && !v.yes || v.dryRun {
		if err := v.checkCanAsk(v.cli, v.verb); err != nil {
			return err
		}
		accounts, err := readAccounts(ctx, conn, v.account)
		if err != nil {
			return err
		}
		if v.dryRun {
			v.note("%s would be %s", output.Plural(int64(len(accounts)), "account"), v.done)
			return v.report(effect{answers: []proto.Message{&stokerv1.ListAccountsResponse{Accounts: accounts}}}, int64(len(accounts)))
		}
		var lines []string
		for _, a := range accounts[:min(len(accounts), maxListed)] {
			lines = append(lines, a.GetId())
		}
		question := fmt.Sprintf("%s %s, with all their batches?", capitalised(v.verb), output.Plural(int64(len(accounts)), "account"))
		if err := v.ask(ctx, v.cli, question, lines...); err != nil {
			return err
		}
	}
	changed, answer, err := v.accounts(ctx, conn, v.account)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, a := range changed {
		if a != nil {
			n++
			v.note("account %s: %s", a.GetId(), v.done)
		}
	}
	return v.report(effect{answers: []proto.Message{answer}}, n)
}
