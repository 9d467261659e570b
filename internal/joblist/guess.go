package joblist

import (
	"bufio"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// preview is the beginning of a list from its first line with content on, as it was before the list was
// read.
type preview struct {
	lines []string // without their ends, only whole ones, at least one if the list has any
}

// previewOf looks at a list.
func previewOf(in *bufio.Reader) (preview, error) {
	start, err := head(in)
	if err != nil {
		return preview{}, err
	}
	lines := strings.Split(string(start), "\n")
	if len(start) == maxHead && len(lines) > 1 {
		lines = lines[:len(lines)-1] // the last one is cut
	}
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return preview{lines}, nil
}

// first is the first line.
func (v preview) first() string { return v.lines[0] }

// row is the first row behind the header, which is one line; nil if there is none.
func (v preview) row(comma rune) []string {
	for _, line := range v.lines[1:] {
		if strings.TrimSpace(line) != "" {
			return splitRow(line, comma)
		}
	}
	return nil
}

// all reports whether all lines match that are not empty.
func (v preview) all(match func(string) bool) bool {
	return !slices.ContainsFunc(v.lines, func(line string) bool { return strings.TrimSpace(line) != "" && !match(line) })
}

// headerless says what a list is whose first line names no column that is known, and suggests the
// flags that take it, if there are any.
func (p *parser) headerless(v preview, comma rune) string {
	example := "the first line must name the columns, for example " + strings.Join(FieldNames(), string(comma))
	cells := splitRow(v.first(), comma)
	switch {
	case v.all(isListing):
		p.suggest("--list-format", string(S3Listing))
		return "this is the output of aws s3 ls, and not CSV with a line that names the columns"
	case v.all(inventoryRow.MatchString):
		p.suggest("--list-format", string(S3Inventory))
		return "this is an S3 inventory, and not CSV with a line that names the columns"
	case v.all(yamlLine.MatchString):
		return "this is YAML, and not a list of jobs; an encoding template goes into --template-file"
	case strings.HasPrefix(v.first(), "<"):
		return "this is XML or a page of the web, and not a list of jobs"
	case v.all(isAddress):
		return "these are addresses, and not paths on a storage: the storage of the batch has the host or the bucket;" +
			" give the paths below it, under a line that names the column input_path"
	case slices.ContainsFunc(splitRow(v.first(), '|'), p.columns.known):
		return `the separator is "|": name it in a line before the header, sep=|`
	case v.all(isPathLine) && !v.isTable(comma):
		p.suggest("--list-format", string(Paths))
		return "this is a list of paths, and not CSV with a line that names the columns"
	case len(p.columns.named) == 0 && v.isTable(comma) && p.suggestPositions(v, comma):
		return "this is CSV without a line that names the columns; it begins with " + excerpt(v.first())
	case !slices.ContainsFunc(cells, looksLikePath) && !slices.ContainsFunc(cells, isAddress):
		p.suggestColumns(trimmed(cells), v.row(comma))
		if p.remedy != nil {
			return "no column is known: the columns are " + strings.Join(FieldNames(), ", ") + " and var:<name>; it reads " + excerpt(v.first())
		}
	}
	return example + "; it reads " + excerpt(v.first())
}

// isTable reports whether all lines have the same number of fields, and more than one.
func (v preview) isTable(comma rune) bool {
	fields := len(splitRow(v.first(), comma))
	return fields > 1 && v.all(func(line string) bool { return isComment(line) || len(splitRow(line, comma)) == fields })
}

// suggestPositions suggests the columns of paths in CSV without a header, by their positions, and
// reports whether there are any.
func (p *parser) suggestPositions(v preview, comma rune) bool {
	var pairs []string
	for i := range splitRow(v.first(), comma) {
		isPath := func(line string) bool {
			cells := splitRow(line, comma)
			return isComment(line) || looksLikePath(strings.TrimSpace(cells[i]))
		}
		if v.all(isPath) && len(pairs) < 2 {
			pairs = append(pairs, strconv.Itoa(i+1)+"="+[]string{inputPath, "output_path"}[len(pairs)])
		}
	}
	if len(pairs) > 0 {
		p.suggest("--list-columns", strings.Join(pairs, ","))
	}
	return len(pairs) > 0
}

// isPathLine reports whether a line is a path to the byte, or a comment. Lines of ls -l, and others that
// have more than a path, are none.
func isPathLine(line string) bool {
	return isComment(line) || looksLikePath(line) && !strings.HasPrefix(line, `"`) && !strings.HasPrefix(line, " ") && !modeLine.MatchString(line)
}

// modeLine matches a line of ls -l.
var modeLine = regexp.MustCompile(`^[-dl][-rwxsStT]{9}`)

func trimmed(cells []string) []string {
	list := make([]string, len(cells))
	for i, c := range cells {
		list[i] = strings.TrimSpace(c)
	}
	return list
}

// yamlLine matches a line of block YAML.
var yamlLine = regexp.MustCompile(`^(---.*|\s*#.*|\s*(- )?["']?[\w.$-]+["']?:(\s.*)?|\s*- .*|\s*\.\.\.)$`)

// inventoryRow matches the beginning of a row of an S3 inventory: a bucket, and a URL-encoded key.
var inventoryRow = regexp.MustCompile(`^"[a-z0-9][a-z0-9.-]{2,62}","[!-~]*"(,|$)`)
