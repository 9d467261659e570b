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
)

// connected makes a command of what needs a client of the server that the command
// line names. The client connects with its first call.
func (c *cli) connected(do func(ctx context.Context, conn *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return c.dialling(answerTimeout, do)
}

// answerTimeout is how long a command tries to get an answer from a server that is there.
const answerTimeout = 30 * time.Second

// persistent is connected for what goes on as long as nobody interrupts it.
func (c *cli) persistent(do func(ctx context.Context, conn *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return c.dialling(0, do)
}

func (c *cli) dialling(timeout time.Duration, do func(ctx context.Context, conn *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := c.checkServer(); err != nil {
			return usagef("--server %s: %w", c.server, err)
		}
		conn, err := client.Dial(c.server, client.Options{
			Insecure: c.insecure, UserAgent: "stoker/" + version(), RetryTimeout: timeout, OnRepeat: c.repeating,
		})
		if err != nil {
			return usage(fmt.Errorf("--server %s: %w", c.server, err))
		}
		err = do(cmd.Context(), conn, args)
		if closing := conn.Close(); err == nil {
			err = closing
		}
		return err
	}
}

// checkServer judges the address of the server before anything is sent to it.
func (c *cli) checkServer() error {
	if strings.HasPrefix(c.server, "unix:") {
		return nil
	}
	_, port, err := net.SplitHostPort(c.server)
	if err != nil || port == "" || strings.Contains(c.server, "/") {
		return errors.New("want host:port, for example " + defaultServer)
	}
	if !c.insecure && !loopback(c.server) {
		return errors.New("the server is on another machine, and nothing would be encrypted: reach it through a tunnel, or say --insecure")
	}
	return nil
}
