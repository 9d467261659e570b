package main

import (
	"context"
	"errors"
	"net/url"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

func openCommand(c *cli) *cobra.Command {
	var onlyPrint bool
	cmd := &cobra.Command{
		Use:   "open BATCH|JOB",
		Short: "Open the page of a batch or job in the browser, and print its address.",
		Example: `  stoker open 411
  stoker open 411/17
  stoker open @last --print`,
		Args:              oneArg,
		ValidArgsFunction: completions{c}.batchesOrJobs,
	}
	cmd.Flags().BoolVar(&onlyPrint, "print", false, "only print the address")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		address, batch, err := pageOf(ctx, c, conn, args[0])
		if err != nil {
			return err
		}
		if c.out.ForPrograms() {
			err = c.printMessage(batch)
		} else {
			err = output.WriteLine(c.stdout, address)
		}
		if err != nil || onlyPrint {
			return err
		}
		if !canOpenBrowser(c.getenv) {
			return nil
		}
		if err := browserCommand(ctx, address).Start(); err != nil {
			c.note("no browser could be opened: %v", err)
		}
		return nil
	})
}

// pageOf is the address at which browsers show the batch or job with a name, and that batch or the batch of that job.
func pageOf(ctx context.Context, c *cli, conn *client.Client, name string) (string, *stokerv1.Batch, error) {
	one, err := c.lookup(conn).batchOrJob(ctx, name)
	if err != nil {
		return "", nil, err
	}
	id, below := one.batch.GetId(), ""
	if one.job != nil {
		id, _, _ = strings.Cut(one.job.GetId(), "/")
		below = "/jobs/" + strconv.FormatInt(one.job.GetNumber(), 10)
	}
	response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: id})
	if err != nil {
		return "", nil, err
	}
	if response.GetBatch().GetPageUrl() == "" {
		return "", nil, runError(errors.New("the server has no page: start it with --web-listen, and with --web-url if browsers reach it through a proxy"))
	}
	return response.GetBatch().GetPageUrl() + below, response.GetBatch(), nil
}

// canOpenBrowser reports whether there is a screen on which a browser could open.
func canOpenBrowser(getenv func(string) string) bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	return getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != ""
}

// browserCommand is the system's command that opens an address.
func browserCommand(ctx context.Context, address string) *exec.Cmd {
	ctx = context.WithoutCancel(ctx) // the browser outlives this command
	switch runtime.GOOS {
	case "darwin":
		return exec.CommandContext(ctx, "open", address)
	case "windows":
		return exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", address)
	}
	return exec.CommandContext(ctx, "xdg-open", address)
}

// notePage tells somebody at a terminal the address of a batch's page, once. The address of a page that only the
// server's own machine reaches is of use there alone.
func notePage(c *cli, b *stokerv1.Batch) {
	address, err := url.Parse(b.GetPageUrl())
	if !c.hints() || b.GetPageUrl() == "" || c.pageNoted || err != nil || client.IsLoopback(address.Host) && !client.IsLoopback(c.connection.Server) {
		return
	}
	c.pageNoted = true
	c.note("  %s", b.GetPageUrl())
}
