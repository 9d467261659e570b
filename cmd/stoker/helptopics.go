package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/spelling"
)

// rootPage is the help of stoker itself. A test compares it with the commands that there are.
const rootPage = `Runs batches of Bitmovin encoding jobs, and keeps the queue full.

Usage: stoker COMMAND [flags]

Look
  batches    batch      list batches; explain one
  jobs       job        list jobs of a batch; explain one
  find                  look for a title in all batches
  failures              what the jobs of a batch failed of
  watch      open       follow a batch to its end; see it in a browser
  queue                 what goes next, in order
  accounts   account    list accounts; explain or set one
  profiles   templates  storages    what a list may name
Submit
  submit     add close  send a list; more of it; no more
  plan                  how long a list will take
  resubmit              the same titles as a new batch
Steer
  pause      resume     stop starting jobs; go on
  retry      cancel     jobs, batches, or all that match
  update     delete     priority, name, labels; remove a batch
Run
  serve      backup     the service; a copy of its data
  config     doctor     check its configuration; see what is wrong
  migrate    copy       the tables of a PostgreSQL database; move into it
  replicas              who serves the database
  demo       simulate   see it work; a stand-in for Bitmovin
  token      audit      who may call; who has changed what
  notifications         who is told what has happened
Set up
  context    whoami     which server to talk to; who it takes you for
  completion            for bash, zsh and fish
  version

Start here
  stoker demo
  stoker submit titles.csv --watch
  stoker COMMAND --help
  stoker help flags|names|lists|output|exit
`

// helpTopics are what commands have in common, by the word after stoker help. The topic flags is written
// from the flags themselves.
var helpTopics = map[string]string{
	"names": `How batches and jobs are named, wherever a command takes BATCH or JOB.

A batch, whichever fits first:
  411                 its number, as every list shows it
  01a20f4c-7b1e-...   its id, or the beginning of it from 8 characters on
  @last               your newest batch; without logins, that of the server
  "night run"         its name: of several the one that has not ended, or else
                      the newest, and standard error says which

A job, whichever fits first:
  411/17              batch and number
  411/films/sintel    batch and key
  5e6f21c8-0b7d-...   the id of its encoding at Bitmovin

If two things have the name, nothing is done, and both are listed. Commands that change
something want exactly one: of several batches with one name, give the number. In a list
of names on standard input, 411/17 is always batch and number.
`,
	"lists": `What stoker submit, add and plan read: CSV or JSON; - is standard input.

CSV begins with a line that names the columns, in any order:
  key          chosen by you, unique in the list; optional
  name         shown to people; optional
  input_path   path of the asset on the input storage
  output_path  directory on the output storage; default: input_path without its
               extension
  var:NAME     value of the variable NAME of an encoding template

JSON has objects with the same names, one in each line or all in an array. Separators,
UTF-16, gzip and the spelling "Input Path" are understood. What has to be named:
  --list-format paths          one input path in each line
  --list-format s3-ls          the output of aws s3 ls --recursive
  --list-format s3-inventory   CSV of an S3 inventory
  --list-columns File=input_path,Title=name
                               columns with other names; File= leaves one out
  --list-charset latin1        text in neither UTF-8 nor UTF-16

If a list has a mistake, no job of it is accepted. A list of more than 100,000 jobs, or
of more than 24 MiB as a message, is checked and then uploaded in parts; its first jobs
are started during the upload. If the upload is interrupted, the same command with
--resume sends the rest, and nothing is submitted twice. In such an upload, and with
--skip-succeeded, a job without a key gets its output path as key.
`,
	"output": `Standard output has what was asked for; standard error what is said about it: counts,
hints, questions, warnings, progress, mistakes.

On a terminal, lists are tables with a header, which fit its width; -o wide shows all
columns and cuts nothing. In a pipe or a file, they are lines with tabs between the
columns, without a header: nothing is cut, times are RFC 3339 in UTC.

  -o json    what the API answered; jsonl: one object in each line; yaml, csv
  -o name    what other commands take: stoker jobs 411 -o name | stoker retry -

NO_COLOR takes the colours away, and nothing else.
`,
	"exit": `The exit codes of every command but stoker doctor:

  0    done, and all watched jobs succeeded
  1    it went wrong, the answer to a question was no, or the watched batch
       ended as failed or cancelled
  2    wrong usage, bad input, a name that nothing or more than one thing has,
       or a state in which that cannot be done
  3    the server cannot be reached, or does not answer
  130  interrupted by Ctrl-C; 143 by SIGTERM

Those of stoker doctor are for monitors:

  0    all is well
  1    something is to be looked at
  2    something does not work
  3    the checks could not be made: no rights, a wrong flag
`,
}

const topicFlags = "flags"

// flagsTopic is the topic flags: the flags of every command that talks to a server, as sample has them.
func flagsTopic(sample *cobra.Command) string {
	var rows [][2]string
	for _, name := range sharedFlagNames(sample) {
		rows = append(rows, flagRow(sample.Flags().Lookup(name)))
	}
	return "The flags that every command has which talks to a server. --server, --context,\n" +
		"$STOKER_SERVER, $STOKER_CONTEXT and the current context are asked in this order.\n" +
		"Flags that choose, such as --state and --label, may be given several times.\n\n" +
		strings.Join(alignLines(rows), "\n") + "\n"
}

// helpCommand shows the help of a command, or a topic.
func helpCommand(c *cli) *cobra.Command {
	topics := append(slices.Collect(maps.Keys(helpTopics)), topicFlags)
	slices.Sort(topics)
	return &cobra.Command{
		Use:       "help [COMMAND|TOPIC]",
		Short:     "Show the help of a command, or of what all commands share.",
		Example:   "  stoker help submit\n  stoker help names",
		ValidArgs: topics,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.started = true // the other commands have this from noteStart, and this one is added later
			root := cmd.Root()
			if len(args) == 1 && slices.Contains(topics, args[0]) {
				text := reflow(helpTopics[args[0]])
				if args[0] == topicFlags {
					text = flagsTopic(mustFind(root, "batches"))
				}
				_, err := io.WriteString(c.stdout, text)
				return err
			}
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				names := append(commandNames(root), topics...)
				if hint := spelling.Closest(args[0], names); hint != "" {
					return didYouMean(fmt.Sprintf("there is no help on %q", strings.Join(args, " ")), "stoker help "+hint)
				}
				return usagef("there is no help on %q; stoker --help lists the commands, and the topics are %s",
					strings.Join(args, " "), strings.Join(topics, ", "))
			}
			return writeHelp(c.stdout, found)
		},
	}
}

func mustFind(root *cobra.Command, name string) *cobra.Command {
	found, _, err := root.Find([]string{name})
	if err != nil {
		panic(err) // every test of the help finds it
	}
	return found
}
