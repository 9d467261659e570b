// Stoker keeps Bitmovin's encoder fed: a gRPC service for batches of encoding jobs,
// the simulator it can rehearse on, and the commands to work with both.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(interruptible(context.Background()), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
