package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// CheckDeclarations lists what is wrong with the variables that a template's configuration declares.
// Fields are named as in the configuration, below the given path. parsed is nil if the template has
// mistakes; then it is not checked whether it uses the variables.
func CheckDeclarations(path string, declared map[string]job.TemplateVariable, parsed *Template) []job.Violation {
	var list []job.Violation
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		v := declared[name]
		add := func(field, format string, args ...any) {
			field = strings.TrimSuffix(path+".variables."+name+"."+field, ".")
			list = append(list, job.Violation{Field: field, Message: fmt.Sprintf(format, args...)})
		}
		own := variable{kindOf(v.Type), name}
		switch {
		case own.kind == "":
			add("type", "%q: want text, number or bool%s", v.Type, typeHint(v.Type))
		case v.Required && v.Default != nil:
			add("default", "a required variable has no default; leave out one of the two")
		case v.Default != nil:
			if err := own.checkValue(*v.Default); err != nil {
				add("default", "%v", err)
			}
		case !v.Required && own.kind != textKind:
			add("", "a %s needs a default, or required: true", v.Type)
		}
		if parsed == nil {
			continue
		}
		if !slices.Contains(parsed.Variables(), name) {
			add("", "the template has no variable %q%s", name, spelling.Hint(name, parsed.Variables()))
		}
		for _, used := range parsed.used {
			if used.name == name && used.ofJob() && used.kind != textKind && own.kind != "" && used.kind != own.kind {
				add("type", "the template uses it as %s", used)
			}
		}
	}
	return list
}

// kindOf is the kind of a declared variable; empty for an unknown type.
func kindOf(t job.VariableType) kind {
	switch t {
	case job.TextVariable:
		return textKind
	case job.NumberVariable:
		return numberKind
	case job.BoolVariable:
		return boolKind
	}
	return ""
}

// typeHint says which type a misspelt or foreign word for a type means.
func typeHint(t job.VariableType) string {
	switch strings.ToLower(string(t)) {
	case "string", "str":
		return `; did you mean "text"?`
	case "integer", "int", "float", "double":
		return `; did you mean "number"?`
	}
	var known []string
	for _, k := range job.VariableTypes() {
		known = append(known, string(k))
	}
	return spelling.Hint(string(t), known)
}

// withDefaults returns the variables of a job together with the defaults of those that it leaves out.
func (t *Template) withDefaults(own map[string]string) map[string]string {
	var all map[string]string
	for name, v := range t.declared {
		if _, has := own[name]; has || v.Required {
			continue
		}
		if all == nil {
			if all = maps.Clone(own); all == nil {
				all = map[string]string{}
			}
		}
		all[name] = ""
		if v.Default != nil {
			all[name] = *v.Default
		}
	}
	if all == nil {
		return own
	}
	return all
}

// checkDeclared returns why a variable cannot have a value, by its declaration; nil if it can.
func (t *Template) checkDeclared(v variable, value string) error {
	if declared, ok := t.declared[v.name]; ok && v.kind == textKind {
		if k := kindOf(declared.Type); k != "" {
			v.kind = k
		}
	}
	return v.checkValue(value)
}
