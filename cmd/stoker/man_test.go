package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/stokerd/stoker/internal/service"
)

// manDir is where tools/dist/build wants the man pages.
var manDir = flag.String("man", "", "write the man pages to this directory")

// TestManPages makes a man page for each command, which says what its help says.
func TestManPages(t *testing.T) {
	dir := *manDir
	if dir == "" {
		dir = t.TempDir()
	}
	root := testRoot()
	root.Long = "Stoker runs batches of Bitmovin encoding jobs, and keeps the queue full. Each command has a page of its own," +
		" and \\fBstoker help\\fP has pages on names, output, filters and flags."
	everyCommand(root, func(cmd *cobra.Command) { cmd.Long = manText(cmd.Long) })
	root.DisableAutoGenTag = true // it has a date
	header := &doc.GenManHeader{Section: "1", Source: "Stoker " + service.Version(), Manual: "Stoker"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		t.Fatal(err)
	}
	written := tidyPages(t, dir)
	pages := 1
	everyCommand(root, func(cmd *cobra.Command) {
		pages++
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			return
		}
		plain := strings.NewReplacer(`\-`, "-", `\`, "").Replace(string(page))
		for _, f := range []string{cmd.Short, strings.Split(cmd.Example, "\n")[0]} {
			if !strings.Contains(plain, strings.TrimSpace(f)) {
				t.Errorf("%s does not say %q", name, f)
			}
		}
	})
	if written != pages {
		t.Errorf("%d pages, want %d", written, pages)
	}
}

// tidyPages gives the pages of a directory a date that every reader knows and paragraphs for the flags, and counts the
// pages.
func tidyPages(t *testing.T, dir string) (n int) {
	t.Helper()
	date := time.Now().UTC()
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(epoch, 0).UTC()
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`(?m)^(\.TH "[^"]*" "1") "[^"]*"`)
	aFlag := regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*)\n\t`)
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page = head.ReplaceAll(page, []byte(`$1 "`+date.Format(time.DateOnly)+`"`))
		page = bytes.ReplaceAll(page, []byte(`, \fB--\fP=""`), nil) // -o has no other name
		page = aFlag.ReplaceAll(page, []byte(".TP\n$1\n"))
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return len(files)
}

// manText makes Markdown, which the man pages are made from, of the text of a help page: lines that are indented
// stay as they are.
func manText(help string) string {
	var b strings.Builder
	indented := false
	for line := range strings.Lines(help) {
		if indents := strings.HasPrefix(line, " "); indents != indented && line != "\n" {
			indented = indents
			b.WriteString("\n")
		}
		if indented {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}
