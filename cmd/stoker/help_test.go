package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/testkit/golden"
)

// everyCommand calls do with every command that a user can see, without stoker itself.
func everyCommand(parent *cobra.Command, do func(*cobra.Command)) {
	for _, cmd := range parent.Commands() {
		if cmd.IsAvailableCommand() {
			do(cmd)
			everyCommand(cmd, do)
		}
	}
}

func testRoot() *cobra.Command {
	return rootCommand(&cli{getenv: func(string) string { return "" }})
}

// The first page names every command, and no other.
func TestFirstPageNamesTheCommands(t *testing.T) {
	page, _, _ := strings.Cut(rootPage, "Start here")
	_, page, _ = strings.Cut(page, "Look")
	listed := map[string]bool{}
	for line := range strings.SplitSeq(page, "\n") {
		names, _, _ := strings.Cut(strings.TrimRight(line, " "), strings.Repeat(" ", 4)) // a gap before what they are for
		if !strings.HasPrefix(line, "  ") {
			continue
		}
		if len(line) > 24 {
			names = line[:24]
			if strings.Contains(line, "storages") {
				names = line[:34]
			}
		}
		for name := range strings.FieldsSeq(names) {
			listed[name] = true
		}
	}
	root := testRoot()
	for _, name := range commandNames(root) {
		if !listed[name] && name != "help" {
			t.Errorf("the first page does not name stoker %s", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("the first page names stoker %s, which does not exist", name)
	}
}

// Help fits a terminal: no line is wider than 80 columns, and a page has 24 lines unless the command has many
// flags.
func TestHelpFitsTheScreen(t *testing.T) {
	long := []string{"submit", "plan", "serve", "simulate"} // each is about a list, a service or a platform, and says all of it
	check := func(name, page string, height int) {
		lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
		if len(lines) > height && !slices.Contains(long, name) {
			t.Errorf("the help of %s has %d lines, more than %d", name, len(lines), height)
		}
		for _, line := range lines {
			if width := len([]rune(line)); width > helpWidth {
				t.Errorf("the help of %s has a line of %d columns: %s", name, width, line)
			}
		}
	}
	root := testRoot()
	everyCommand(root, func(cmd *cobra.Command) { check(strings.TrimPrefix(cmd.CommandPath(), "stoker "), helpPage(cmd), 30) })
	check("stoker", rootPage, 40)
	for name, text := range helpTopics {
		check("topic "+name, reflow(text), 30)
	}
}

func TestHelpPages(t *testing.T) {
	var told strings.Builder
	for _, args := range []string{"--help", "retry --help", "cancel -h", "help update", "help context add", "help names", "help flags", "--version"} {
		got := mustRun(t, command{}, args)
		told.WriteString("$ stoker " + args + "\n" + got.stdout + section("stderr", got.stderr) + "\n")
	}
	golden.Check(t, "help", regexp.MustCompile(`stoker (\(devel\)|v?[0-9][^ \n]*|unknown).*`).ReplaceAllString(told.String(), "stoker VERSION"))
}

// exampleLines are the command lines of a command's help.
func exampleLines(cmd *cobra.Command) []string {
	var all []string
	for line := range strings.SplitSeq(strings.ReplaceAll(cmd.Example, "\\\n", " "), "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "   ") // what it is for
		line, _, _ = strings.Cut(line, " # ")
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// words splits a command line as a shell does.
func words(line string) []string {
	var all []string
	for _, quoted := range regexp.MustCompile(`"[^"]*"|'[^']*'|[^\s"']+=("[^"]*")|\S+`).FindAllString(line, -1) {
		all = append(all, strings.NewReplacer(`"`, "", "'", "").Replace(quoted))
	}
	return all
}

// pipeline takes a command line apart where the output of one command is the input of the next.
func pipeline(line []string) [][]string {
	commands := [][]string{nil}
	for _, word := range line {
		if word == "|" {
			commands = append(commands, nil)
			continue
		}
		last := len(commands) - 1
		commands[last] = append(commands[last], word)
	}
	return commands
}

// Every command has examples, and what they show works.
func TestExamplesOfHelp(t *testing.T) {
	address := newTable().start(t)
	env := map[string]string{"STOKER_SERVER": address, "HOME": t.TempDir()}
	t.Chdir(t.TempDir())
	for _, name := range []string{"titles.csv", "archive.csv", "more.csv", "token"} {
		if err := os.WriteFile(name, []byte("key,input_path\na,in/a.mov\nb,in/b.mov\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("titles.jsonl", []byte(`{"key":"a","input_path":"in/a.mov"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	everyCommand(testRoot(), func(cmd *cobra.Command) {
		lines := exampleLines(cmd)
		if len(lines) == 0 && !cmd.HasAvailableSubCommands() {
			t.Errorf("%s has no examples", cmd.CommandPath())
		}
		for _, line := range lines {
			if !strings.Contains(cmd.Example, cmd.CommandPath()) {
				t.Errorf("%s: its examples are of another command: %s", cmd.CommandPath(), line)
			}
			if cmd.Parent().Name() == "context" {
				env["HOME"] = t.TempDir()
				if cmd.Name() != "add" {
					mustRun(t, command{env: env}, "context add prod --server "+address)
				}
			}
			t.Run(line, func(t *testing.T) { runExample(t, cmd, env, line) })
		}
	})
}

// runElsewhere are the commands whose examples are only read by the flag parser: other tests run them, on a
// service of their own.
var runElsewhere = []string{"serve", "simulate", "demo", "plan", "backup", "migrate", "copy", "token", "audit", "whoami", "notifications", "config", "doctor"}

// runExample runs a line of the shell whose commands are stoker or print a list.
func runExample(t *testing.T, cmd *cobra.Command, env map[string]string, line string) {
	line, _, _ = strings.Cut(line, " > ")
	stdin := "key,input_path\nc,in/c.mov\n"
	if slices.Contains(runElsewhere, cmd.Name()) || slices.Contains(runElsewhere, cmd.Parent().Name()) {
		_, flags, _ := strings.Cut(line, cmd.CommandPath())
		flags, _, _ = strings.Cut(flags, " | ")
		if err := cmd.ParseFlags(words(flags)); err != nil {
			t.Error(err)
		}
		return
	}
	for _, args := range pipeline(words(line)) {
		if args[0] != "stoker" {
			continue
		}
		c := command{env: env, stdin: stdin}
		got := c.run(t.Context(), args[1:]...)
		if strings.Contains(got.stderr, "add --yes") {
			got = c.run(t.Context(), append(args[1:], "--yes")...)
		}
		if got.code != exitOK && !slices.Contains(args, "--watch") && cmd.Name() != "watch" {
			t.Errorf("%q: exit code %d: %s", args, got.code, got.stderr)
		}
		stdin = got.stdout
	}
}
