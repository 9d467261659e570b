// Command stoker runs Stoker's gRPC service, which keeps Bitmovin's encoder queue full, and a simulator of
// the platform. Its other commands submit batches of encoding jobs to a running service, and watch and
// manage them.
package main

import (
	"context"
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // the public CAs, where the system has none: in a container without files
)

func main() {
	os.Exit(run(interruptible(context.Background()), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
