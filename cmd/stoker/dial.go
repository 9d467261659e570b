package main

import (
	"cmp"
	"context"
	"errors"
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
	// untilInterrupted is for commands that repeat a call for as long as the user lets them.
	untilInterrupted = 0
)

// clientCommand gives cmd the flags of a command that talks to a server, and has it call do with a
// client of that server. A call without an answer is repeated until the timeout; 0 means for ever.
// The client connects with its first call.
func (c *cli) clientCommand(cmd *cobra.Command, timeout time.Duration, do func(ctx context.Context, conn *client.Client, args []string) error) *cobra.Command {
	cmd.Flags().StringVar(&c.server, "server", cmp.Or(c.getenv("STOKER_SERVER"), defaultServer),
		"host:port of the server; also $STOKER_SERVER")
	cmd.Flags().BoolVar(&c.insecure, "insecure", false, "talk to a server on another machine without encryption")
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, in the API's own terms")
	cmd.Long = cmp.Or(cmd.Long, cmd.Short+".") + "\n" + exitCodes
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		conn, err := c.dial(timeout)
		if err != nil {
			return usagef("--server %s: %w", c.server, err)
		}
		err = do(cmd.Context(), conn, args)
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
		return err
	}
	return cmd
}

func (c *cli) dial(timeout time.Duration) (*client.Client, error) {
	if err := checkServer(c.server, c.insecure); err != nil {
		return nil, err
	}
	return client.Dial(c.server, client.Options{
		Insecure: c.insecure, UserAgent: "stoker/" + service.Version(), RetryTimeout: timeout, OnRepeat: c.noteRepeat,
	})
}

// checkServer checks the address of a server before anything is sent to it.
func checkServer(address string, insecure bool) error {
	if strings.HasPrefix(address, "unix:") {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || strings.Contains(address, "/") {
		return errors.New("want host:port, for example " + defaultServer)
	}
	if !insecure && !client.IsLoopback(address) {
		return errors.New("the server is on another machine, and nothing would be encrypted: reach it through a tunnel, or say --insecure")
	}
	return nil
}

// noteRepeat takes note of a call that is made again. It may be called by several goroutines.
func (c *cli) noteRepeat(r client.Repeat) {
	if c.repeats.add(r) {
		c.note("No answer from the server at %s (%s); trying again.", c.server, connectionErrorText(r.Err))
	}
}
