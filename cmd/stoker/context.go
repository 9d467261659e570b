package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/contexts"
	"github.com/stokerd/stoker/internal/output"
)

func contextCommand(c *cli) *cobra.Command {
	user := userContexts{c}
	return groupCommand("context", "Name servers, and choose the one that commands talk to.",
		user.addCommand(), user.useCommand(), user.listCommand(), user.removeCommand())
}

// userContexts are the contexts of the user who runs the command line.
type userContexts struct{ *cli }

func (u userContexts) addCommand() *cobra.Command {
	var added contexts.Context
	var replace, use bool
	cmd := &cobra.Command{
		Use:   "add NAME --server HOST:PORT",
		Short: "Give a server a name.",
		Long: `The context is kept in stoker/contexts.yaml in $XDG_CONFIG_HOME, or else in ~/.config.
Secrets are not: a context has the path of their file.`,
		Example: `  stoker context add prod --server stoker.example.com:7070 --token-file token
  stoker context add local --server 127.0.0.1:7070 --use`,
		Args: oneArg,
		RunE: func(_ *cobra.Command, args []string) error { return u.add(args[0], added, replace, use) },
	}
	f := cmd.Flags()
	f.StringVar(&added.Server, "server", "", "`HOST:PORT`: where stoker serve listens")
	f.BoolVar(&added.Insecure, "insecure", false, "it is on another machine, and nothing is encrypted")
	f.StringVar(&added.TLSCA, "tls-ca", "", "`FILE`: certificates to check the server's with")
	f.StringVar(&added.TLSCert, "tls-cert", "", "`FILE`: the certificate to show to the server")
	f.StringVar(&added.TLSKey, "tls-key", "", "`FILE`: the key of that certificate")
	f.StringVar(&added.TokenFile, "token-file", "", "`FILE`: the token to show to the server")
	f.BoolVar(&replace, "replace", false, "replace the context if there is one with this name")
	f.BoolVar(&use, "use", false, "use it from now on")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return cmd
}

// add checks a context and writes it. Paths become absolute, because commands will run in other
// directories.
func (u userContexts) add(name string, added contexts.Context, replace, use bool) error {
	if added.Server == "" {
		return usagef("name the server with --server HOST:PORT")
	}
	if err := checkServer(added.Server); err != nil {
		return usagef("--server %s: %w", withoutPassword(added.Server), err)
	}
	if err := checkInsecure(added); err != nil {
		return err
	}
	for _, path := range []struct {
		flag string
		file *string
	}{{"--tls-ca", &added.TLSCA}, {"--tls-cert", &added.TLSCert}, {"--tls-key", &added.TLSKey}, {"--token-file", &added.TokenFile}} {
		if *path.file == "" {
			continue
		}
		if err := checkReadable(*path.file); err != nil {
			return usagef("%s: %w", path.flag, err)
		}
		absolute, err := filepath.Abs(*path.file)
		if err != nil {
			return err
		}
		*path.file = absolute
	}
	err := u.edit(func(set *contexts.Set) error {
		if err := set.Add(name, added, replace); err != nil {
			return err
		}
		if use {
			return set.Use(name)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case use:
		u.noteUse(name, added)
	default:
		u.note("%s: added; to use it from now on", name)
		u.note("  stoker context use %s", name)
	}
	return nil
}

func (u userContexts) useCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Talk to this server from now on.",
		Example:           "  stoker context use prod",
		Args:              oneArg,
		ValidArgsFunction: u.complete,
		RunE: func(_ *cobra.Command, args []string) error {
			var used contexts.Context
			err := u.edit(func(set *contexts.Set) error {
				used = set.Contexts[args[0]]
				return set.Use(args[0])
			})
			if errors.Is(err, contexts.ErrUnknown) && !strings.Contains(err.Error(), "did you mean") {
				return usagef("%w; stoker context list lists them", err)
			}
			if err == nil {
				u.noteUse(args[0], used)
			}
			return err
		},
	}
}

// noteUse says which server commands talk to from now on, and what in the environment comes first.
func (u userContexts) noteUse(name string, used contexts.Context) {
	u.note("%s: commands talk to %s from now on", name, used.Server)
	for _, variable := range []string{"STOKER_SERVER", "STOKER_CONTEXT"} {
		if u.getenv(variable) != "" {
			u.note("But %s is set, and comes first:", variable)
			u.note("  unset %s", variable)
		}
	}
}

func (u userContexts) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the servers that have a name.",
		Example: "  stoker context list",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			file, err := contexts.UserFile(u.getenv)
			if err != nil {
				return usageError(err)
			}
			set, err := u.read(file)
			if err != nil {
				return err
			}
			to, err := newWriter(u.cli, contextListing(set))
			if err != nil {
				return err
			}
			if len(set.Contexts) == 0 && !u.out.ForPrograms() {
				u.note("No contexts yet. stoker context add NAME --server HOST:PORT adds one.")
				return nil
			}
			return writeAll(to, set.Names())
		},
	}
	u.addListingFlags(cmd, contextListing(contexts.Set{}).ColumnNames())
	return cmd
}

// contextListing lists contexts by their names.
func contextListing(set contexts.Set) output.Listing[string] {
	server := func(name string) string { return set.Contexts[name].Server }
	detail := func(name string) string { return contextDetail(set, name) }
	return output.Listing[string]{
		Name: func(name string) string { return name },
		Columns: []output.Column[string]{
			{Head: "CONTEXT", Cut: output.CutEnd, Value: output.Text},
			{Head: "SERVER", Value: func(name string) output.Value { return output.Text(server(name)) }},
			{Head: "DETAIL", Cut: output.CutEnd, LeaveOut: 1, Value: func(name string) output.Value { return output.Text(detail(name)) }},
		},
		Extra: []output.Extra[string]{
			{Name: "name", Value: func(name string) string { return name }},
			{Name: "server", Value: server},
			{Name: "detail", Value: detail},
		},
	}
}

// contextDetail says whether a context is the current one, and how its server is talked to.
func contextDetail(set contexts.Set, name string) string {
	var parts []string
	one := set.Contexts[name]
	for _, part := range []struct {
		text string
		says bool
	}{
		{"current", set.Current == name},
		{"not encrypted", one.Insecure},
		{"own certificate authority", one.TLSCA != ""},
		{"shows a certificate", one.TLSCert != ""},
		{"shows a token", one.TokenFile != ""},
	} {
		if part.says {
			parts = append(parts, part.text)
		}
	}
	return strings.Join(parts, ", ")
}

func (u userContexts) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rm NAME",
		Short:             "Forget a server's name.",
		Example:           "  stoker context rm prod",
		Args:              oneArg,
		ValidArgsFunction: u.complete,
		RunE: func(_ *cobra.Command, args []string) error {
			current := false
			err := u.edit(func(set *contexts.Set) error {
				current = set.Current == args[0]
				return set.Remove(args[0])
			})
			switch {
			case err != nil:
				return err
			case current:
				u.note("%s: removed; it was the current one, and commands talk to %s now", args[0], defaultServer)
			default:
				u.note("%s: removed", args[0])
			}
			return nil
		},
	}
}

// edit changes the user's contexts. What change refuses is a mistake of the user.
func (u userContexts) edit(change func(*contexts.Set) error) error {
	file, err := contexts.UserFile(u.getenv)
	if err != nil {
		return usageError(err)
	}
	return file.Change(func(set *contexts.Set) error {
		if err := change(set); err != nil {
			return usageError(err)
		}
		return nil
	})
}

// checkReadable returns an error if a file cannot be read.
func checkReadable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}
