package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// honestEnv has the address of the service and the id of its batch, for the process of an honest client.
const honestEnv = "STOKER_ATTACK_HONEST_CLIENT"

// afterwards is how many calls an honest client makes when the attack is over.
const afterwards = 1000

// TestMain lets the program of the tests be the process of an honest client. Within the attacker's process the client
// would wait for the attacker's goroutines, hundreds of them, and not for the service.
func TestMain(m *testing.M) {
	address, batch, ok := strings.Cut(os.Getenv(honestEnv), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := callHonestly(address, batch); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err) // there is nobody else to tell
		os.Exit(1)
	}
}

// honestCalls is how long each call of an honest client took.
type honestCalls struct{ During, After []time.Duration }

// callHonestly calls GetBatch again and again, and some times more after the end of its input. Then it prints how long
// each call took.
func callHonestly(address, batch string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return err
	}
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that matters
		over.Store(true)
	}()
	var calls honestCalls
	for len(calls.After) < afterwards {
		attacked, begin := !over.Load(), time.Now()
		if _, err := stokerv1.NewBatchServiceClient(conn).GetBatch(context.Background(), &stokerv1.GetBatchRequest{BatchId: batch}); err != nil {
			return err
		}
		if took := time.Since(begin); attacked {
			calls.During = append(calls.During, took)
		} else {
			calls.After = append(calls.After, took)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(calls)
}

// honestClient is the process of an honest client.
type honestClient struct {
	cmd          *exec.Cmd
	input        io.Closer
	output, said bytes.Buffer
}

// startHonestClient starts a client that calls the service until it is told that the attack is over.
func startHonestClient(t *testing.T, s *service) *honestClient {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &honestClient{cmd: exec.CommandContext(t.Context(), program)}
	c.cmd.Env = append(os.Environ(), honestEnv+"="+s.grpc+" "+s.batch)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.said
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// attackOver tells the client that the attack is over, and returns how long its calls took, once it has made the last ones.
func (c *honestClient) attackOver(t *testing.T) honestCalls {
	t.Helper()
	if err := c.input.Close(); err != nil {
		t.Error(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("an honest client: %v: %s", err, c.said.String())
	}
	var calls honestCalls
	if err := json.Unmarshal(c.output.Bytes(), &calls); err != nil {
		t.Fatal(err)
	}
	return calls
}
