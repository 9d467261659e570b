package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/contexts"
)

// connection says which server a command talks to, and how. The flags set it; [cli.completeConnection] fills
// in what they leave open.
type connection struct {
	context string // --context
	contexts.Context
}

// addConnectionFlags adds the flags that say which server a command talks to.
func (c *cli) addConnectionFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.connection.Server, "server", "", "`HOST:PORT`: where stoker serve listens (default "+defaultServer+"); also $STOKER_SERVER")
	f.StringVar(&c.connection.context, "context", "", "`NAME`: a server of stoker context list; also $STOKER_CONTEXT")
	f.StringVar(&c.connection.TLSCA, "tls-ca", "", "`FILE` with the CA, or the certificate, of the server (default: the CAs of this system)")
	f.StringVar(&c.connection.TLSCert, "tls-cert", "", "`FILE` with the certificate that proves who calls")
	f.StringVar(&c.connection.TLSKey, "tls-key", "", "`FILE` with the key of that certificate")
	f.StringVar(&c.connection.TokenFile, "token-file", "", "`FILE` with the token that proves who calls; or the token itself in $STOKER_TOKEN")
	f.BoolVar(&c.connection.Insecure, "insecure", false, "talk to another machine without encryption")
	cmd.MarkFlagsMutuallyExclusive("server", "context")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	for _, name := range connectionFlags {
		shareFlag(cmd, name)
	}
	completeFlagFrom(cmd, "context", userContexts{c}.complete)
}

// connectionFlags are the flags of [cli.addConnectionFlags].
var connectionFlags = []string{"server", "context", "tls-ca", "tls-cert", "tls-key", "token-file", "insecure"}

// completeConnection decides which server the command talks to: the one of --server, of --context, of
// $STOKER_SERVER or $STOKER_CONTEXT, of the current context, or the default one, whichever comes first. What
// belongs to a context is never used for another server: a token would be shown to a stranger.
func (c *cli) completeConnection() error {
	to := &c.connection
	server, name := c.getenv("STOKER_SERVER"), cmp.Or(to.context, c.getenv("STOKER_CONTEXT"))
	switch {
	case to.Server != "":
		return nil
	case to.context == "" && server != "" && name != "":
		return usagef("STOKER_SERVER and STOKER_CONTEXT both name a server; unset one of them, or use --server or --context")
	case name == "" && server != "":
		to.Server = server
		return nil
	}
	chosen, err := c.findContext(name)
	if err != nil {
		return err
	}
	to.Server = cmp.Or(chosen.Server, defaultServer)
	to.Insecure = to.Insecure || chosen.Insecure
	to.TLSCA = cmp.Or(to.TLSCA, chosen.TLSCA)
	to.TLSCert = cmp.Or(to.TLSCert, chosen.TLSCert)
	to.TLSKey = cmp.Or(to.TLSKey, chosen.TLSKey)
	to.TokenFile = cmp.Or(to.TokenFile, chosen.TokenFile)
	return nil
}

// findContext reads the context with a name; without one, the current context, which is empty if there is
// none.
func (c *cli) findContext(name string) (contexts.Context, error) {
	file, err := contexts.UserFile(c.getenv)
	if err != nil && name == "" {
		return contexts.Context{}, nil // a user without a home has no current context either
	}
	if err != nil {
		return contexts.Context{}, usageError(err)
	}
	set, err := userContexts{c}.read(file)
	if err != nil {
		return contexts.Context{}, err
	}
	if name = cmp.Or(name, set.Current); name == "" {
		return contexts.Context{}, nil
	}
	c.connection.context = name
	found, err := set.Get(name)
	if err != nil {
		return contexts.Context{}, usagef("%w; stoker context list lists them", err)
	}
	return found, nil
}

// read reads the user's contexts, and says if other users could have changed them.
func (u userContexts) read(file contexts.File) (contexts.Set, error) {
	set, err := file.Read()
	if err != nil {
		return set, usageError(err)
	}
	if file.ReadableByOthers() {
		u.note("%s: other users may read or change this file", file.Path)
		u.note("  chmod 600 %s", shellQuote(file.Path))
	}
	return set, nil
}
