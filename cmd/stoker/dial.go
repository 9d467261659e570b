package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/service"
)

const (
	// defaultServer is the address of the service without --server.
	defaultServer = "127.0.0.1:7070"
	// answerTimeout is how long most commands repeat a call that gets no answer.
	answerTimeout = 30 * time.Second
	// untilInterrupted is the timeout of commands that repeat a call without limit of time, until the user
	// interrupts them.
	untilInterrupted = 0
)

// clientCommand adds the flags for talking to a server to cmd, and makes cmd run do with a client of that
// server. The client repeats a call without an answer until timeout has passed; untilInterrupted means
// without limit. It connects with its first call.
func (c *cli) clientCommand(cmd *cobra.Command, timeout time.Duration, do func(ctx context.Context, conn *client.Client, args []string) error) *cobra.Command {
	c.addConnectionFlags(cmd)
	c.addOutputFlags(cmd, documentFormats())
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		conn, err := c.dial(timeout)
		if err != nil {
			return err
		}
		err = do(cmd.Context(), conn, args)
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
		return err
	}
	return cmd
}

// dial makes a client of the server that the command line, the environment or a context names.
func (c *cli) dial(timeout time.Duration) (*client.Client, error) {
	if err := c.completeConnection(); err != nil {
		return nil, err
	}
	to := c.connection
	if err := checkServer(to.Server); err != nil {
		return nil, usagef("--server %s: %w", withoutPassword(to.Server), err)
	}
	o := client.Options{UserAgent: "stoker/" + service.Version(), RetryTimeout: timeout, OnRepeat: c.noteRepeat}
	if err := c.addProof(&o, to.Context); err != nil {
		return nil, err
	}
	conn, err := client.Dial(to.Server, o)
	if err != nil {
		return nil, usagef("--server %s: %w", to.Server, err)
	}
	return conn, nil
}

// checkServer checks that the address is host:port, or unix:PATH.
func checkServer(address string) error {
	if strings.HasPrefix(address, "unix:") {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || strings.Contains(address, "/") {
		return errors.New("want host:port, for example " + defaultServer + ", or unix:///path")
	}
	return nil
}

// withoutPassword returns an address as it may be shown: some people give a URL, with user and password in it.
func withoutPassword(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

// noteRepeat counts a call that is repeated, and tells the user of it once, in a live view each time. It may be called
// by several goroutines.
func (c *cli) noteRepeat(r client.Repeat) {
	tell := c.repeats.add(r)
	what := "No answer from"
	if client.Reason(r.Err) != "" {
		what = "Not yet possible, says"
	}
	text := fmt.Sprintf("%s the server at %s (%s); trying again.", what, c.connection.Server, connectionErrorText(r.Err))
	switch {
	case c.notifyLive != nil:
		c.notifyLive(text) // a line on standard error would stand in the middle of the view
	case tell:
		c.note("%s", text)
	}
}
