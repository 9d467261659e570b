// Stoker keeps Bitmovin's encoder fed. The command runs the gRPC service for batches of encoding jobs,
// a simulator of the platform to try it on, and the commands that work with a running service.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(interruptible(context.Background()), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
