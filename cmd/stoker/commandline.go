package main

import (
	"slices"
	"strings"
)

// sameCommand is the command line of this process, quoted for a shell. With resume, it ends in --resume
// unless that is in it.
func (c *cli) sameCommand(resume bool) string {
	words := []string{"stoker"}
	for _, arg := range c.args {
		words = append(words, shellQuote(arg))
		resume = resume && arg != "--resume"
	}
	if resume {
		words = append(words, "--resume")
	}
	return strings.Join(words, " ")
}

// commandWith is the command line of this process with another value of a flag, quoted for a shell.
func (c *cli) commandWith(flag, value string) string {
	words := []string{"stoker"}
	for i, arg := range c.args {
		if arg != flag && !strings.HasPrefix(arg, flag+"=") && (i == 0 || c.args[i-1] != flag) {
			words = append(words, shellQuote(arg))
		}
	}
	return strings.Join(append(words, flag, shellQuote(value)), " ")
}

// commandWithout is the command line of this process without a flag that has no value, quoted for a shell.
func (c *cli) commandWithout(flag string) string {
	words := slices.DeleteFunc(slices.Clone(c.args), func(arg string) bool { return arg == flag })
	return (&cli{args: words}).sameCommand(false)
}

// shellQuote quotes a word for a POSIX shell, if it needs quotes.
func shellQuote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
