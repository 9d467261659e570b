package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

// TestReference holds the tables of docs/configuration.md to the published schema.
func TestReference(t *testing.T) {
	const name, begin, end = "../../docs/configuration.md", "<!-- keys: begin -->\n", "<!-- keys: end -->\n"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(page), begin)
	got, after, ended := strings.Cut(rest, end)
	want := referenceTables(t)
	switch {
	case !begun || !ended:
		t.Error("docs/configuration.md: the markers are missing")
	case *update:
		if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != want:
		t.Errorf("docs/configuration.md is out of date, run make generate/docs (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// headings are the headings of the tables, by the types of the schema.
var headings = []struct{ def, heading string }{
	{"auth", "auth"},
	{"rule", "auth: certificates and proxy.principals"},
	{"oidc", "auth.oidc"},
	{"claimRule", "auth.oidc.roles"},
	{"proxy", "auth.proxy"},
	{"starts", "auth.max_starts_per_day"},
	{"limits", "limits"},
	{"account", "accounts"},
	{"storage", "storages"},
	{"notification", "notifications"},
	{"secret", "secrets"},
	{"profile", "profiles"},
	{"video", "profiles: videos"},
	{"audio", "profiles: audios"},
	{"muxing", "profiles: muxings"},
	{"manifest", "profiles: manifests"},
	{"perTitle", "profiles: per_title"},
	{"deinterlace", "profiles: deinterlace"},
	{"thumbnail", "profiles: thumbnails"},
	{"sprite", "profiles: sprites"},
	{"template", "templates"},
	{"variable", "templates: variables"},
}

func referenceTables(t *testing.T) string {
	t.Helper()
	var root jsonschema.Schema
	if err := json.Unmarshal(makeSchema(t), &root); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n## Settings and sections\n\n")
	writeTable(&b, &root, "")
	shown := map[string]bool{}
	for _, h := range headings {
		def := root.Definitions[h.def]
		if def == nil {
			t.Fatalf("the schema has no type %s", h.def)
		}
		shown[h.def] = true
		fmt.Fprintf(&b, "\n## %s\n\n", h.heading)
		for _, alternative := range def.AnyOf { // a single value, or an object
			if alternative.Properties != nil {
				def = alternative
			}
		}
		writeTable(&b, def, "")
	}
	for name := range maps.Keys(root.Definitions) {
		if !shown[name] && name != "document" {
			t.Errorf("docs/configuration.md does not show the type %s", name)
		}
	}
	return b.String() + "\n"
}

// writeTable writes a table of the keys of an object.
func writeTable(b *strings.Builder, def *jsonschema.Schema, prefix string) {
	if prefix == "" {
		b.WriteString("| key | value | |\n|---|---|---|\n")
	}
	for key, p := range def.Properties.FromOldest() {
		if p.Properties != nil { // tls
			writeTable(b, p, key+".")
			continue
		}
		name := "`" + prefix + key + "`"
		if slices.Contains(def.Required, key) {
			name = "**" + name + "**"
		}
		text := p.Description
		if p.Default != nil && !strings.Contains(text, "Default:") {
			text = strings.TrimSuffix(text, ".") + ". Default: " + defaultText(p.Default) + "."
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, valueText(p), strings.ReplaceAll(text, "|", "\\|"))
	}
}

// defaultText is a default as people write it: JSON has numbers as floats.
func defaultText(value any) string {
	if n, ok := value.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// manyValues is how many values of an enumeration a table shows.
const manyValues = 8

// valueText says what a key may be.
func valueText(p *jsonschema.Schema) string {
	switch {
	case len(p.Enum) > 0:
		return listValues(p.Enum, "or")
	case len(p.AnyOf) > 0 && len(p.AnyOf[0].Enum) > 0:
		return "such as " + listValues(p.AnyOf[0].Enum, "or")
	case len(p.AnyOf) > 0:
		var parts []string
		for _, one := range p.AnyOf {
			parts = append(parts, valueText(one))
		}
		return strings.Join(slices.Compact(parts), " or ")
	case p.Pattern != "":
		return "a time, such as 10s"
	case p.Const != nil:
		return fmt.Sprintf("`%v`", p.Const)
	case p.Ref != "":
		return "an object"
	case p.Type == "array":
		return "list of " + strings.Replace(valueText(p.Items), "an object", "objects", 1)
	case p.Type == "object":
		return "names with objects"
	case p.Minimum != "":
		return fmt.Sprintf("%s to %s", p.Minimum, p.Maximum)
	}
	return map[string]string{"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}[p.Type]
}

func listValues(values []any, last string) string {
	var shown []string
	for _, v := range values[:min(len(values), manyValues)] {
		if text := fmt.Sprintf("`%v`", v); !slices.Contains(shown, text) { // 1.2 is a text and a number
			shown = append(shown, text)
		}
	}
	if len(values) > manyValues {
		return strings.Join(shown, ", ") + fmt.Sprintf(" (%d in all)", len(values))
	}
	if len(shown) == 1 {
		return shown[0]
	}
	return strings.Join(shown[:len(shown)-1], ", ") + " " + last + " " + shown[len(shown)-1]
}
