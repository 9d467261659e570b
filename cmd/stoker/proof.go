package main

import (
	"os"
	"strings"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/contexts"
)

// addProof adds to the options of a connection how the command and its server prove to each other who they
// are. The connection has TLS if the server is on another machine or a file for TLS is named, unless it is
// insecure.
func (c *cli) addProof(o *client.Options, to contexts.Context) error {
	o.Insecure = to.Insecure
	files := client.TLSFiles{CA: to.TLSCA, Cert: to.TLSCert, Key: to.TLSKey}
	if err := checkInsecure(to); err != nil {
		return err
	}
	if files != (client.TLSFiles{}) || !to.Insecure && !client.IsLoopback(to.Server) {
		config, err := files.Config()
		if err != nil {
			return usageError(err)
		}
		o.TLS = config
	}
	switch token := strings.TrimSpace(c.getenv("STOKER_TOKEN")); {
	case to.TokenFile != "":
		o.Token = client.TokenFile(to.TokenFile)
		if _, err := o.Token(); err != nil {
			return usageError(err)
		}
		c.noteReadable(to.TokenFile)
	case token != "":
		o.Token = func() (string, error) { return token, nil }
	}
	if to.TLSKey != "" {
		c.noteReadable(to.TLSKey)
	}
	return nil
}

// showsProof reports whether a command proves to its server who calls.
func (to connection) showsProof(getenv func(string) string) bool {
	return to.TokenFile != "" || to.TLSCert != "" || strings.TrimSpace(getenv("STOKER_TOKEN")) != ""
}

// checkInsecure refuses files for an encryption that is left out.
func checkInsecure(to contexts.Context) error {
	if to.Insecure && (to.TLSCA != "" || to.TLSCert != "") {
		return usagef("--insecure leaves out encryption, and --tls-ca and --tls-cert are for it: leave out one of them")
	}
	return nil
}

// noteReadable warns of a file with a secret that other users may read.
func (c *cli) noteReadable(path string) {
	if info, err := os.Stat(path); err == nil && readableByOthers(info) {
		c.note("%s: other users may read this file; chmod 600 %s", path, path)
	}
}

// noteReadableOutput warns of a secret that goes to a file that other users may read.
func (c *cli) noteReadableOutput() {
	file, ok := c.stdout.(*os.File)
	if !ok {
		return
	}
	if info, err := file.Stat(); err == nil && readableByOthers(info) {
		c.note("Other users may read the file that the secret goes to: chmod 600 it, and say umask 077 before the next one.")
	}
}

func readableByOthers(info os.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0
}
