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
	// untilInterrupted is the timeout of commands that repeat a call without limit of time, until the user
	// interrupts them.
	untilInterrupted = 0
)

// clientCommand adds the flags for talking to a server to cmd, and makes cmd run do with a client of that
// server. The client repeats a call without an answer until timeout has passed; untilInterrupted means
// without limit. It connects with its first call.
func (c *cli) clientCommand(cmd *cobra.Command, timeout time.Duration, do func(ctx context.Context, conn *client.Client, args []string) error) *cobra.Command {
	cmd.Flags().StringVar(&c.server, "server", cmp.Or(c.getenv("STOKER_SERVER"), defaultServer),
		"host:port of stoker serve; also $STOKER_SERVER")
	addProofFlags(cmd, &c.proof)
	cmd.Flags().BoolVar(&c.json, "json", false, "print the messages of the API as JSON")
	cmd.Long = cmp.Or(cmd.Long, cmd.Short+".") + "\n" + exitCodes
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

func (c *cli) dial(timeout time.Duration) (*client.Client, error) {
	if err := checkServer(c.server); err != nil {
		return nil, usagef("--server %s: %w", c.server, err)
	}
	o := client.Options{UserAgent: "stoker/" + service.Version(), RetryTimeout: timeout, OnRepeat: c.noteRepeat}
	if err := c.addProof(&o, c.server, c.proof); err != nil {
		return nil, err
	}
	conn, err := client.Dial(c.server, o)
	if err != nil {
		return nil, usageError(err)
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

// noteRepeat counts a call that is repeated, and tells the user of it once. It may be called by several
// goroutines.
func (c *cli) noteRepeat(r client.Repeat) {
	if c.repeats.add(r) {
		c.note("No answer from the server at %s (%s); trying again.", c.server, connectionErrorText(r.Err))
	}
}
