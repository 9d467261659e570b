package docstest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the root of the module, seen from this package.
const root = "../.."

// block is one fenced block of a page.
type block struct {
	language string
	line     int // of its first line, from 1
	lines    []string
}

// blocks lists the fenced blocks of a page.
func blocks(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	open := false
	for i, line := range strings.Split(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open:
			open = false
		case fence:
			all = append(all, block{language: language, line: i + 2})
			open = true
		case open:
			all[len(all)-1].lines = append(all[len(all)-1].lines, line)
		}
	}
	if open {
		t.Fatalf("%s: the last block has no end", page)
	}
	return all
}

// command is one command of a page, with what it has to print.
type command struct {
	line int
	text string
	want []string
}

var hereDocument = regexp.MustCompile(`<<'?(\w+)'?`)

// commands splits a console block.
func (b block) commands() []command {
	var all []command
	var rest []string // lines that the command at hand still needs
	for i := 0; i < len(b.lines); i++ {
		text, starts := strings.CutPrefix(b.lines[i], "$ ")
		if !starts {
			if n := len(all) - 1; n >= 0 {
				all[n].want = append(all[n].want, b.lines[i])
			}
			continue
		}
		c := command{line: b.line + i, text: text}
		for rest = b.lines[i+1:]; len(rest) > 0 && !complete(c.text); rest = rest[1:] {
			c.text += "\n" + rest[0]
			i++
		}
		all = append(all, c)
	}
	return all
}

// complete reports whether a shell would not wait for more lines.
func complete(text string) bool {
	if here := hereDocument.FindStringSubmatch(text); here != nil {
		return strings.HasSuffix(text, "\n"+here[1])
	}
	goesOn := strings.HasSuffix(text, `\`) || strings.HasSuffix(text, "|")
	return strings.Count(text, "'")%2 == 0 && !goesOn
}

var (
	spaces     = regexp.MustCompile(`\s+`)
	identifier = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	moment     = regexp.MustCompile(`\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z| \d\d:\d\d:\d\d)`)
)

// plain takes out of a line what differs from run to run.
func plain(line string) string {
	line = identifier.ReplaceAllString(line, "ID")
	line = moment.ReplaceAllString(line, "TIME")
	return strings.TrimSpace(spaces.ReplaceAllString(line, " "))
}

const anything = "…"

// matches reports whether the lines printed are those wanted.
func matches(want, got []string) bool {
	// fits[j] says whether the wanted lines so far fit the first j lines printed.
	fits := make([]bool, len(got)+1)
	fits[0] = true
	for _, w := range want {
		next := make([]bool, len(got)+1)
		if strings.TrimSpace(w) == anything {
			for j, reached := 0, false; j <= len(got); j++ {
				reached = reached || fits[j]
				next[j] = reached
			}
		} else {
			line := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(plain(w)), anything, ".*") + "$")
			for j, g := range got {
				next[j+1] = fits[j] && line.MatchString(plain(g))
			}
		}
		fits = next
	}
	return fits[len(got)]
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		name      string
		want, got string
		fits      bool
	}{
		{"the same", "a\nb", "a\nb", true},
		{"too much printed", "a", "a\nb", false},
		{"too little printed", "a\nb", "a", false},
		{"lines left out", "a\n…\nd", "a\nb\nc\nd", true},
		{"no lines left out", "a\n…\nb", "a\nb", true},
		{"the second of two", "…\na\nb", "a\na\nb", true},
		{"text left out", "took … s", "took 12.5 s", true},
		{"another text", "took … s", "took 12.5 m", false},
		{
			"identifiers and times",
			`"x": "01a206a0-e865-7166-94ab-ada3318d8fe3 2026-11-23T04:18:58.277Z"`,
			`"x":  "99999999-e865-7166-94ab-ada3318d8fe3 2026-11-23T04:18:58Z"`, true,
		},
		{"nothing but rows of dots", "…", "a\nb", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if fits := matches(strings.Split(tt.want, "\n"), strings.Split(tt.got, "\n")); fits != tt.fits {
				t.Errorf("matches(%q, %q) = %t, want %t", tt.want, tt.got, fits, tt.fits)
			}
		})
	}
}
