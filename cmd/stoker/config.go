package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/transport"
)

func configCommand(c *cli) *cobra.Command {
	return groupCommand("config", "Check, show and write the configuration of the service.",
		configCheckCommand(c), configShowCommand(c), configExampleCommand(c), configSchemaCommand(c))
}

// configuration is where a command reads the configuration of the service from, as stoker serve does.
type configuration struct {
	file     string
	settings map[string]string // that were given as flags
}

// addConfigFlags adds --config and a flag for each setting. Only the help of stoker serve lists them all.
func addConfigFlags(cmd *cobra.Command, from *configuration, listed bool) {
	from.settings = map[string]string{}
	cmd.Flags().StringVar(&from.file, "config", "", "configuration file in YAML; also $STOKER_CONFIG")
	for _, s := range config.Settings() {
		flag := cmd.Flags().VarPF(&settingFlag{Setting: s, values: from.settings}, s.Name, "", s.Usage+"; $"+s.Env())
		if s.Kind == "bool" {
			flag.NoOptDefVal = "true"
		}
		flag.Hidden = !listed
	}
	cmd.Flags().SortFlags = false
}

func configCheckCommand(c *cli) *cobra.Command {
	var from configuration
	var withoutSecrets, online bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the configuration: every mistake, with its line.",
		Long: `Reads the configuration as stoker serve does, with its flags and the environment, and
starts nothing. FILE takes the place of --config; - is standard input. Every mistake is printed
with its place and its remedy.

--online also asks the platform, as stoker doctor does: whether it takes each API key,
what the key may do, and whether it may write to the outputs. For that it makes an
output, asks, and deletes it.

--without-secrets is for a check elsewhere than on the service's machine: secrets and
certificates that are named count as being there.

Exit codes: 0 right; 1 the platform says no (--online); 2 mistakes.`,
		Example: `  stoker config check /etc/stoker/stoker.yaml
  stoker config check --online --config /etc/stoker/stoker.yaml
  stoker config example | stoker config check -`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				from.file = args[0]
			}
			sources := sourcesOf(c, from)
			sources.WithoutSecrets = withoutSecrets
			cfg, mistakes := loadWhole(sources)
			if err := printCheck(c, sources, cfg, mistakes); err != nil || !online {
				return err
			}
			return checkOnline(cmd.Context(), c, cfg)
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "ask the platform about keys, rights and outputs as well")
	cmd.Flags().BoolVar(&withoutSecrets, "without-secrets", false, "look for no secrets and certificates")
	cmd.MarkFlagsMutuallyExclusive("online", "without-secrets")
	addConfigFlags(cmd, &from, false)
	c.addOutputFlags(cmd, documentFormats())
	return cmd
}

// atMostOneArg takes one argument or none.
func atMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("want one argument at most, and got %d: %s", len(args), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
	return nil
}

// standardInput is the name of the configuration on standard input.
const standardInput = "-"

// sourcesOf are the sources of the configuration that a command line names.
func sourcesOf(c *cli, from configuration) config.Sources {
	s := c.configSources(from.file, from.settings)
	s.ReadFile = func(name string) ([]byte, error) {
		if name == standardInput {
			return io.ReadAll(c.stdin)
		}
		return os.ReadFile(name)
	}
	return s
}

// loadWhole loads the configuration, and checks what stoker serve refuses at its start beyond that.
func loadWhole(s config.Sources) (*config.Config, []config.Mistake) {
	cfg, err := config.Load(s)
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		return nil, wrong.Mistakes
	}
	var mistakes []config.Mistake
	if err := cfg.CheckReach(); err != nil {
		mistakes = append(mistakes, config.Mistake{Where: "listeners", Text: err.Error()})
	}
	if cfg.TLS.Enabled() && !s.WithoutSecrets {
		if _, err := transport.LoadCertificates(certificateFiles(cfg), nil); err != nil {
			mistakes = append(mistakes, config.Mistake{Where: "tls", Text: err.Error()})
		}
	}
	return cfg, mistakes
}

// certificateFiles are the files of the certificates of a configuration.
func certificateFiles(cfg *config.Config) transport.Files {
	return transport.Files{Cert: cfg.TLS.CertFile, Key: cfg.TLS.KeyFile, ClientCA: cfg.TLS.ClientCAFile, MinVersion: cfg.TLS.MinVersion}
}

// printCheck prints what a check has found. Mistakes are an error.
func printCheck(c *cli, s config.Sources, cfg *config.Config, mistakes []config.Mistake) error {
	var warnings []config.Mistake
	if cfg != nil {
		warnings = cfg.Warnings
		if !s.WithoutSecrets {
			warnings = append(warnings, missingKeys(cfg)...)
		}
	}
	if c.out.ForPrograms() {
		if err := printCheckDocument(c, mistakes, warnings); err != nil || len(mistakes) == 0 {
			return err
		}
		return &exitError{code: exitUsage}
	}
	for _, w := range warnings {
		c.note("%s: warning: %s", w.Where, w.Text)
	}
	if len(mistakes) > 0 {
		lines := make([]string, len(mistakes))
		for i, m := range mistakes {
			lines[i] = m.String()
		}
		return &exitError{
			code: exitUsage, err: errors.New(strings.Join(lines, "\n")), located: true,
			below: "stoker: " + output.Plural(int64(len(mistakes)), "mistake") + "; with this configuration nothing starts",
		}
	}
	name := s.File
	switch name {
	case "":
		name = "the configuration (no file)"
	case standardInput:
		name = "standard input"
	}
	return output.WriteLine(c.stdout, fmt.Sprintf("%s is right: %s, %s, %s, %s, %s", output.Printable(name),
		output.Plural(int64(len(cfg.Accounts)), "account"), output.Plural(int64(len(cfg.Inputs)), "input"), output.Plural(int64(len(cfg.Outputs)), "output"),
		output.Plural(int64(len(cfg.Profiles)), "profile"), output.Plural(int64(len(cfg.Templates)), "template")))
}

// missingKeys warns of accounts without an API key: their jobs wait for one.
func missingKeys(cfg *config.Config) (warnings []config.Mistake) {
	for _, a := range cfg.Accounts {
		if _, err := a.APIKey(); err != nil {
			warnings = append(warnings, config.Mistake{Where: "account " + a.ID, Text: "no API key, so that its jobs wait for one: " + err.Error()})
		}
	}
	return warnings
}

// printCheckDocument prints mistakes and warnings for programs.
func printCheckDocument(c *cli, mistakes, warnings []config.Mistake) error {
	type place struct {
		Where string `json:"where"`
		Text  string `json:"text"`
	}
	places := func(of []config.Mistake) []place {
		all := make([]place, len(of))
		for i, m := range of {
			all[i] = place{m.Where, m.Text}
		}
		return all
	}
	line, err := json.Marshal(struct {
		Mistakes []place `json:"mistakes"`
		Warnings []place `json:"warnings"`
	}{places(mistakes), places(warnings)})
	if err != nil {
		return err
	}
	return output.WriteDocument(c.stdout, c.out, line)
}

func configShowCommand(c *cli) *cobra.Command {
	var from configuration
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every effective value, and where it comes from.",
		Long: `Reads the configuration as stoker serve does, with its flags and the environment. Each
value comes from a flag, an environment variable, a line of the file, or is a default. Of a
secret it says only whether there is one.`,
		Example: `  stoker config show --config /etc/stoker/stoker.yaml
  stoker config show -o json --jq '.[] | select(.from != "default")'`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			to, err := newWriter(c, configValues())
			if err != nil {
				return err
			}
			cfg, err := config.Load(sourcesOf(c, from))
			if err != nil {
				return err
			}
			return writeAll(to, cfg.Values)
		},
	}
	addConfigFlags(cmd, &from, false)
	c.addListingFlags(cmd, configValues().ColumnNames())
	return cmd
}

// configValues is how effective values are listed.
func configValues() output.Listing[config.Value] {
	path := func(v config.Value) string { return v.Path }
	value := func(v config.Value) string { return v.Value }
	from := func(v config.Value) string { return v.From }
	return output.Listing[config.Value]{
		Columns: []output.Column[config.Value]{
			{Head: "KEY", Value: func(v config.Value) output.Value { return output.Text(v.Path) }},
			{Head: "VALUE", Value: func(v config.Value) output.Value { return output.Text(v.Value) }, ShrinkTo: 16},
			{Head: "FROM", Value: func(v config.Value) output.Value { return output.Text(v.From) }},
		},
		Name:  path,
		Extra: []output.Extra[config.Value]{{Name: "key", Value: path}, {Name: "value", Value: value}, {Name: "from", Value: from}},
	}
}

func configExampleCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print an example of the configuration file, with every key and comments.",
		Long: `The example can be used as it is. Lines that need a file or a secret are turned off by
a # right before the key.`,
		Example: "  stoker config example > stoker.yaml",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(c.stdout, config.ExampleFile)
			return err
		},
	}
}

func configSchemaCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file.",
		Long: `Editors that know the YAML language server complete and check the file by the schema,
if the file begins with this line:

  # yaml-language-server: $schema=stoker.schema.json`,
		Example: "  stoker config schema > stoker.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(c.stdout, config.SchemaFile)
			return err
		},
	}
}
