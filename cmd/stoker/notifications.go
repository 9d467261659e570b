package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

func notificationsCommand(c *cli) *cobra.Command {
	return groupCommand("notifications", "Have other programs told what has happened, and see what they were told.",
		notificationsListCommand(c), notificationsAddCommand(c), notificationsUpdateCommand(c), notificationsRemoveCommand(c), notificationsTestCommand(c),
		notificationsRotateCommand(c), notificationsDeliveriesCommand(c), notificationsRedeliverCommand(c))
}

func notificationsListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the endpoints that are told.",
		Long: `An endpoint is working; failing, since its latest attempt failed; or disabled, by
somebody, because it answered 410, or because nothing succeeded for five days.`,
		Example: "  stoker notifications list\n  stoker notifications list -o json --jq '.[] | select(.disabled) | .name'",
		Args:    noArgs,
	}
	c.addListingFlags(cmd, ui.Endpoints().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		to, err := newWriter(c, ui.Endpoints())
		if err != nil {
			return err
		}
		endpoints, err := readEndpoints(ctx, conn)
		if err != nil {
			return err
		}
		return writeAll(to, endpoints)
	})
}

// readEndpoints reads all endpoints.
func readEndpoints(ctx context.Context, conn *client.Client) ([]*stokerv1.NotificationEndpoint, error) {
	var all []*stokerv1.NotificationEndpoint
	for request := (&stokerv1.ListEndpointsRequest{PageSize: job.MaxPageSize}); ; {
		resp, err := conn.Notifications().ListEndpoints(ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, resp.GetEndpoints()...)
		if request.PageToken = resp.GetNextPageToken(); request.PageToken == "" {
			return all, nil
		}
	}
}

// endpointFlags are the flags that describe an endpoint.
type endpointFlags struct {
	events, accounts []string
	allowPrivate     bool
}

func (f *endpointFlags) add(c *cli, cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.events, "event", nil, "tell it of these `EVENTS`, with commas: "+strings.Join(ui.NotificationEvents(), ", ")+" (default: all but job.succeeded)")
	cmd.Flags().StringArrayVar(&f.accounts, "account", nil, "tell it of this `ACCOUNT` only; may be repeated (default: all accounts)")
	cmd.Flags().BoolVar(&f.allowPrivate, "allow-private", false, "its address may be one that only the server's network can reach; takes an admin")
	completeFlag(cmd, "event", ui.NotificationEvents())
	completeFlagFrom(cmd, "account", completions{c}.accounts)
}

// fill sets the fields of an endpoint from the flags.
func (f *endpointFlags) fill(e *stokerv1.NotificationEndpoint) (err error) {
	e.Accounts, e.AllowPrivate = f.accounts, f.allowPrivate
	e.Events, err = parseEvents(f.events)
	return err
}

func parseEvents(names []string) ([]stokerv1.NotificationEvent, error) {
	var events []stokerv1.NotificationEvent
	for _, name := range names {
		event, ok := ui.ParseNotificationEvent(name)
		if !ok {
			return nil, unknownWord("--event", "event", name, ui.NotificationEvents())
		}
		events = append(events, event)
	}
	return events, nil
}

// unknownWord is the error for a value of a flag that is none of those there are, with the one that was probably meant
// or with all of them.
func unknownWord(flag, what, name string, known []string) error {
	hint := cmp.Or(spelling.Hint(name, known), "; want one of "+strings.Join(known, ", "))
	return usagef("%s: there is no %s %q%s", flag, what, name, hint)
}

func notificationsAddCommand(c *cli) *cobra.Command {
	var flags endpointFlags
	cmd := &cobra.Command{
		Use:   "add NAME URL",
		Short: "Make an endpoint, and print its secret.",
		Long: `Messages are sent to the URL as Standard Webhooks, signed with the secret. The secret is
shown this once. Try it with stoker notifications test NAME.`,
		Example: `  stoker notifications add ops https://ops.example.com/stoker > ops.secret
  stoker notifications add chat https://chat.example.com --event batch.finished`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := refuseEmpty(cmd, "event", "account"); err != nil {
				return err
			}
			if len(args) == 2 {
				return nil
			}
			return usagef("want two arguments, and got %d: %s", len(args), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		},
	}
	flags.add(c, cmd)
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		e := &stokerv1.NotificationEndpoint{Name: args[0], Url: args[1]}
		if err := flags.fill(e); err != nil {
			return err
		}
		resp, err := conn.Notifications().CreateEndpoint(ctx, &stokerv1.CreateEndpointRequest{Endpoint: e})
		if err != nil {
			return err
		}
		c.noteReadableOutput()
		if c.out.Chosen() {
			return c.printMessage(resp)
		}
		c.note("Endpoint %s is told of %s. The line below is its secret, shown this once.", resp.GetEndpoint().GetName(), ui.BoundTo(resp.GetEndpoint().GetAccounts()))
		return output.WriteLine(c.stdout, resp.GetSecret())
	})
}

func notificationsUpdateCommand(c *cli) *cobra.Command {
	var flags endpointFlags
	var url string
	var disable, enable bool
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: "Change an endpoint, disable it, or enable it again.",
		Long: `What is to be delivered to an endpoint that is disabled is given up, and nothing new is
kept for it. What was given up can be sent once more: stoker notifications redeliver.
An endpoint of the configuration can be disabled and enabled here.`,
		Example: `  stoker notifications update ops --url https://new.example.com/stoker
  stoker notifications update ops --enable`,
		Args: oneArgAndNotEmpty("event", "account"),
	}
	cmd.Flags().StringVar(&url, "url", "", "send to this `URL`")
	flags.add(c, cmd)
	cmd.Flags().BoolVar(&disable, "disable", false, "send nothing to it")
	cmd.Flags().BoolVar(&enable, "enable", false, "send to it again")
	cmd.MarkFlagsMutuallyExclusive("disable", "enable")
	cmd.ValidArgsFunction = completions{c}.oneEndpoint
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		e := &stokerv1.NotificationEndpoint{Name: args[0], Url: url, Disabled: disable}
		if err := flags.fill(e); err != nil {
			return err
		}
		mask := &fieldmaskpb.FieldMask{}
		for _, field := range []struct {
			path  string
			flags []string
		}{{"url", []string{"url"}}, {"events", []string{"event"}}, {"accounts", []string{"account"}}, {"allow_private", []string{"allow-private"}}, {"disabled", []string{"disable", "enable"}}} {
			for _, flag := range field.flags {
				if cmd.Flags().Changed(flag) {
					mask.Paths = append(mask.Paths, field.path)
				}
			}
		}
		if len(mask.GetPaths()) == 0 {
			return usagef("say what to change: --url, --event, --account, --allow-private, --disable or --enable")
		}
		resp, err := conn.Notifications().UpdateEndpoint(ctx, &stokerv1.UpdateEndpointRequest{Endpoint: e, UpdateMask: mask})
		if err != nil {
			return err
		}
		if c.out.Chosen() {
			return c.printMessage(resp.GetEndpoint())
		}
		c.note("Endpoint %s is %s.", resp.GetEndpoint().GetName(), ui.EndpointState(resp.GetEndpoint()))
		return nil
	})
}

func notificationsRemoveCommand(c *cli) *cobra.Command {
	var g caution
	cmd := &cobra.Command{
		Use:     "rm NAME",
		Short:   "Remove an endpoint, with what is to be delivered to it.",
		Example: "  stoker notifications rm ops",
		Args:    oneArg,
	}
	g.addCautionFlags(cmd)
	cmd.ValidArgsFunction = completions{c}.oneEndpoint
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if err := g.checkCanAsk(c, "notifications rm"); err != nil {
			return err
		}
		if g.dryRun {
			return describeRemoval(ctx, c, conn, args[0])
		}
		if err := g.ask(ctx, c, "Remove endpoint "+output.Printable(args[0])+", its secret and its deliveries?"); err != nil {
			return err
		}
		if _, err := conn.Notifications().DeleteEndpoint(ctx, &stokerv1.DeleteEndpointRequest{Endpoint: args[0]}); err != nil {
			return err
		}
		c.note("Endpoint %s is removed.", args[0])
		return nil
	})
}

// describeRemoval says what would be removed with an endpoint.
func describeRemoval(ctx context.Context, c *cli, conn *client.Client, name string) error {
	endpoints, err := readEndpoints(ctx, conn)
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		if e.GetName() == name {
			c.note("Would remove endpoint %s, to which %s were to be delivered.", name, output.Plural(e.GetPendingCount(), "message"))
			return nil
		}
	}
	return usagef("there is no endpoint %q; stoker notifications list shows those that there are", name)
}

func notificationsRotateCommand(c *cli) *cobra.Command {
	var overlap string
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Give an endpoint a new secret, and print it.",
		Long: `Until the overlap is over, messages are signed with the earlier secrets too, so that the
receiver can change over at any time. If a secret has leaked, end it at once with --overlap 0.`,
		Example: "  stoker notifications rotate ops > ops.secret\n  stoker notifications rotate ops --overlap 0",
		Args:    oneArg,
	}
	cmd.Flags().StringVar(&overlap, "overlap", "24h", "how `LONG` earlier secrets sign beside the new one, up to 30d; 0 ends them at once")
	cmd.ValidArgsFunction = completions{c}.oneEndpoint
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		req := &stokerv1.RotateSecretRequest{Endpoint: args[0], Overlap: &durationpb.Duration{}}
		if overlap != "0" {
			d, err := parseLifetime(overlap)
			if err != nil || d > maxOverlap {
				return usagef("--overlap %s: want 1 minute to 30 days, for example 12h or 7d, or 0", overlap)
			}
			req.Overlap = durationpb.New(d)
		}
		resp, err := conn.Notifications().RotateSecret(ctx, req)
		if err != nil {
			return err
		}
		c.noteReadableOutput()
		if c.out.Chosen() {
			return c.printMessage(resp)
		}
		c.note("The line below is the new secret of endpoint %s, shown this once. %s valid.", args[0], secretCount(len(resp.GetEndpoint().GetSecrets())))
		return output.WriteLine(c.stdout, resp.GetSecret())
	})
}

// maxOverlap is how long earlier secrets may sign beside a new one.
const maxOverlap = 30 * 24 * time.Hour

func secretCount(n int) string {
	if n == 1 {
		return "It is the only one that is"
	}
	return output.Plural(int64(n), "secret") + " are"
}

func notificationsTestCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "test NAME",
		Short:   "Send a message to an endpoint, and say whether it accepts it.",
		Example: "  stoker notifications test ops",
		Args:    oneArg,
	}
	cmd.ValidArgsFunction = completions{c}.oneEndpoint
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		resp, err := conn.Notifications().TestEndpoint(ctx, &stokerv1.TestEndpointRequest{Endpoint: args[0]})
		if err != nil {
			return err
		}
		if c.out.Chosen() {
			err = c.printMessage(resp)
		} else if resp.GetAccepted() {
			c.note("Endpoint %s has accepted the message, after %s.", args[0], resp.GetDuration().AsDuration().Round(1e6))
		} else {
			c.note("Endpoint %s did not accept the message: %s", args[0], output.Printable(resp.GetProblem()))
		}
		if err == nil && !resp.GetAccepted() {
			err = &exitError{code: exitFailed}
		}
		return err
	})
}
