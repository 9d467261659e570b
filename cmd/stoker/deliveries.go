package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func notificationsDeliveriesCommand(c *cli) *cobra.Command {
	var events, states []string
	var batch, since string
	var limit int
	cmd := &cobra.Command{
		Use:   "deliveries NAME",
		Short: "Show what was and is to be delivered to an endpoint, the newest first.",
		Long: `A delivery is pending until the endpoint has accepted it. After eight attempts, over more
than a day, it has failed. What has ended is kept for seven days. -o json has the messages.`,
		Example: `  stoker notifications deliveries ops
  stoker notifications deliveries ops --state failed --since 3d -o name`,
		Args: oneArg,
	}
	f := cmd.Flags()
	f.StringSliceVar(&states, "state", nil, "only deliveries in these `STATES`, with commas: "+strings.Join(ui.DeliveryStates(), ", "))
	f.StringSliceVar(&events, "event", nil, "only these `EVENTS`, with commas: "+strings.Join(ui.NotificationEvents(), ", "))
	f.StringVar(&batch, "batch", "", "only messages about this `BATCH`")
	f.StringVar(&since, "since", "", "only messages from this `TIME` or later: a time, or how long ago it was")
	f.IntVarP(&limit, "limit", "n", 100, "how many deliveries to show; 0 for all")
	completeFlag(cmd, "state", ui.DeliveryStates())
	completeFlag(cmd, "event", ui.NotificationEvents())
	completeFlagFrom(cmd, "batch", completions{c}.batches)
	cmd.ValidArgsFunction = completions{c}.oneEndpoint
	c.addListingFlags(cmd, ui.Deliveries().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		req := &stokerv1.ListDeliveriesRequest{Endpoint: args[0]}
		var err error
		if req.Events, err = parseEvents(events); err != nil {
			return err
		}
		if req.States, err = parseDeliveryStates(states); err != nil {
			return err
		}
		if req.Since, err = parseMoment("since", since, time.Now()); err != nil {
			return err
		}
		if limit < 0 {
			return usagef("--limit %d: want 0 or more", limit)
		}
		if batch != "" {
			b, err := naming{c: c, conn: conn}.batch(ctx, batch)
			if err != nil {
				return err
			}
			req.BatchId = b.GetId()
		}
		return printPages(c, ui.Deliveries(), "deliveries", limit, func(size int32, token string) ([]*stokerv1.Delivery, string, error) {
			req.PageSize, req.PageToken = size, token
			resp, err := conn.Notifications().ListDeliveries(ctx, req)
			return resp.GetDeliveries(), resp.GetNextPageToken(), err
		})
	})
}

func parseDeliveryStates(names []string) ([]stokerv1.DeliveryState, error) {
	var states []stokerv1.DeliveryState
	for _, name := range names {
		n, ok := stokerv1.DeliveryState_value["DELIVERY_STATE_"+strings.ToUpper(name)]
		if !ok || n == 0 {
			return nil, unknownWord("--state", "state", name, ui.DeliveryStates())
		}
		states = append(states, stokerv1.DeliveryState(n))
	}
	return states, nil
}

func notificationsRedeliverCommand(c *cli) *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "redeliver NAME [DELIVERY...]",
		Short: "Send messages once more: those that are named, or those that failed.",
		Long: `The ids are those that stoker notifications deliveries shows, which the receiver knows as
webhook-id. A receiver that remembers ids takes a message only once. A message is of the time
of what it tells of: one that has failed after all attempts is more than a day old.`,
		Example: `  stoker notifications redeliver ops msg_4XTLK2Q3ZP5VJ7W6HGRYCDBNMA
  stoker notifications redeliver ops --failed-since 3d`,
		Args: atLeastOneArg,
	}
	cmd.Flags().StringVar(&since, "failed-since", "", "all messages from this `TIME` or later that have failed: a time, or how long ago it was")
	cmd.ValidArgsFunction = completions{c}.oneEndpoint
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		req := &stokerv1.RedeliverRequest{Endpoint: args[0], DeliveryIds: args[1:]}
		if (since == "") == (len(args) == 1) {
			return usagef("name the messages, or give --failed-since to mean all that have failed since then; not both")
		}
		var err error
		if req.FailedSince, err = parseMoment("failed-since", since, time.Now()); err != nil {
			return err
		}
		resp, err := conn.Notifications().Redeliver(ctx, req)
		if err != nil {
			return err
		}
		if c.out.Chosen() {
			return c.printMessage(resp)
		}
		c.note("%s to be sent once more.", output.Plural(resp.GetCount(), "message"))
		return nil
	})
}

// oneEndpoint lists the endpoints of notifications, for a command that takes one.
func (k completions) oneEndpoint(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		endpoints, err := readEndpoints(ctx, conn)
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, e := range endpoints {
			values = append(values, describe(e.GetName(), ui.EndpointState(e)+", "+e.GetUrl()))
		}
		return values, nil
	})
}
