// Command stoker runs Stoker's gRPC service, which keeps Bitmovin's encoder queue full, and a simulator of
// the platform. Its other commands submit batches of encoding jobs to a running service, and watch and
// manage them.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(interruptible(context.Background()), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
