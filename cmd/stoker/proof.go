package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
)

// proof is how a command and its server prove to each other who they are.
type proof struct {
	files     client.TLSFiles // --tls-ca, --tls-cert, --tls-key
	tokenFile string          // --token-file
	insecure  bool            // --insecure
}

// addProofFlags adds the flags of a proof to cmd.
func addProofFlags(cmd *cobra.Command, p *proof) {
	f := cmd.Flags()
	f.StringVar(&p.files.CA, "tls-ca", "", "file with the CA, or the certificate, of the server; default: the CAs of this system")
	f.StringVar(&p.files.Cert, "tls-cert", "", "file with the certificate that proves who calls")
	f.StringVar(&p.files.Key, "tls-key", "", "file with the key of that certificate")
	f.StringVar(&p.tokenFile, "token-file", "", "file with the token that proves who calls; or the token itself in $STOKER_TOKEN")
	f.BoolVar(&p.insecure, "insecure", false, "talk to another machine without encryption")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	for _, name := range []string{"tls-ca", "tls-cert"} {
		cmd.MarkFlagsMutuallyExclusive("insecure", name)
	}
}

// addProof adds a proof to the options of a connection to a server. The connection has TLS if the server is on
// another machine or a file for TLS is named, unless the proof is insecure.
func (c *cli) addProof(o *client.Options, server string, p proof) error {
	o.Insecure = p.insecure
	if p.files != (client.TLSFiles{}) || !p.insecure && !client.IsLoopback(server) {
		config, err := p.files.Config()
		if err != nil {
			return usageError(err)
		}
		o.TLS = config
	}
	switch token := strings.TrimSpace(c.getenv("STOKER_TOKEN")); {
	case p.tokenFile != "":
		o.Token = client.TokenFile(p.tokenFile)
		if _, err := o.Token(); err != nil {
			return usageError(err)
		}
		c.noteReadable(p.tokenFile)
	case token != "":
		o.Token = func() (string, error) { return token, nil }
	}
	if p.files.Key != "" {
		c.noteReadable(p.files.Key)
	}
	return nil
}

// noteReadable warns of a file with a secret that other users may read.
func (c *cli) noteReadable(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 {
		c.note("%s: other users may read this file; chmod 600 %s", path, path)
	}
}
