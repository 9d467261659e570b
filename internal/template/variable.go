package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/spelling"
)

// The built-in variables. Jobs define all others.
const (
	inputID    = "input_id"
	inputPath  = "input_path"
	outputID   = "output_id"
	outputPath = "output_path"
	name       = "name"
	key        = "key"
	jobID      = "job_id"
	batchID    = "batch_id"
)

// builtinVariables lists the built-in variables in the order of the documentation.
func builtinVariables() []string {
	return []string{inputID, inputPath, outputID, outputPath, name, key, jobID, batchID}
}

// kind says as what the template uses a variable that jobs define.
type kind string

const (
	textKind   kind = "var"
	numberKind kind = "number"
	boolKind   kind = "bool"
	// secretKind is no variable of a job: the service has the values of secrets.
	secretKind kind = "secret"
)

// ofJob reports whether jobs define the variable.
func (v variable) ofJob() bool { return v.kind != "" && v.kind != secretKind }

// variable is a variable as a template names it, between ${ and }.
type variable struct {
	kind kind // empty: a built-in variable
	name string
}

func (v variable) String() string {
	if v.kind == "" {
		return "${" + v.name + "}"
	}
	return "${" + string(v.kind) + ":" + v.name + "}"
}

// field is the field of a job that has the variable's value, named as in the API; empty if the value
// is not from a field of the job.
func (v variable) field() string {
	switch {
	case v.ofJob():
		return "variables." + v.name
	case v.name == inputPath, v.name == outputPath, v.name == key, v.name == name:
		return v.name
	}
	return ""
}

// variesByJob reports whether the variable may differ between jobs of one batch.
func (v variable) variesByJob() bool { return v.field() != "" || v.name == jobID }

// templateText is a text of the template, split into literal text and variables.
type templateText []textPart

// textPart is a variable if that has a name, and literal text otherwise.
type textPart struct {
	literal  string
	variable variable
}

// soleVariable is the variable that is the whole text; false if there is none.
func (t templateText) soleVariable() (variable, bool) {
	if len(t) == 1 && t[0].variable.name != "" {
		return t[0].variable, true
	}
	return variable{}, false
}

// variables lists the variables of a text in order.
func (t templateText) variables() []variable {
	var all []variable
	for _, p := range t {
		if p.variable.name != "" {
			all = append(all, p.variable)
		}
	}
	return all
}

// parseText splits a text into literal text and variables.
func parseText(s string) (templateText, error) {
	var t templateText
	var literal strings.Builder
	end := func(rest string) {
		literal.WriteString(rest)
		if literal.Len() > 0 {
			t = append(t, textPart{literal: literal.String()})
			literal.Reset()
		}
	}
	for {
		at := strings.Index(s, "${")
		switch {
		case at < 0:
			end(s)
			return t, nil
		case at > 0 && s[at-1] == '$':
			literal.WriteString(s[:at-1] + "${")
			s = s[at+2:]
			continue
		}
		length := strings.IndexByte(s[at:], '}')
		if length < 0 {
			return nil, fmt.Errorf("%q: the } of a variable is missing; write $${ for a plain ${", s[at:])
		}
		v, err := parseVariable(s[at+2 : at+length])
		if err != nil {
			return nil, err
		}
		end(s[:at])
		t = append(t, textPart{variable: v})
		s = s[at+length+1:]
	}
}

// parseVariable parses what stands between ${ and }.
func parseVariable(s string) (variable, error) {
	k, own, found := strings.Cut(s, ":")
	if !found {
		if slices.Contains(builtinVariables(), s) {
			return variable{name: s}, nil
		}
		if !isVariableName(s) || spelling.Closest(s, builtinVariables()) != "" {
			return variable{}, fmt.Errorf("unknown variable ${%s}%s; the variables are %s, and ${var:NAME}, ${number:NAME} and ${bool:NAME} for those that jobs define",
				s, spelling.Hint(s, builtinVariables()), strings.Join(builtinVariables(), ", "))
		}
		k, own = string(textKind), s // a short form of ${var:NAME}
	}
	switch kind(k) {
	case textKind, numberKind, boolKind, secretKind:
	default:
		return variable{}, fmt.Errorf("${%s}: a variable that jobs define is written ${var:NAME}, ${number:NAME} or ${bool:NAME}, and a secret ${secret:NAME}", s)
	}
	if !isVariableName(own) {
		return variable{}, fmt.Errorf("${%s}: the name of a variable may have letters, digits and _ . -", s)
	}
	return variable{kind(k), own}, nil
}

// isVariableName reports whether a job can define a variable of this name.
func isVariableName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}

// checkValue returns why a variable cannot have a value; nil if it can.
func (v variable) checkValue(value string) error {
	switch v.kind {
	case numberKind:
		if !isNumber(value) {
			return fmt.Errorf("%q: the template needs a number", value)
		}
	case boolKind:
		if value != "true" && value != "false" {
			return fmt.Errorf("%q: the template needs true or false", value)
		}
	}
	return nil
}

// isNumber reports whether s is a number in JSON, without white space around it.
func isNumber(s string) bool {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	return s != "" && (s[0] == '-' || digit(s[0])) && digit(s[len(s)-1]) && json.Valid([]byte(s))
}

// errReference says that the platform would take a text for a reference.
var errReference = errors.New("makes a value begin with $/, which the platform takes for a reference into the template")

// expand fills in a text with values. It returns errReference if they turn the text into a reference.
func (t templateText) expand(value func(variable) string) (string, error) {
	var b strings.Builder
	for _, p := range t {
		if p.variable.name == "" {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(value(p.variable))
	}
	s := b.String()
	if strings.HasPrefix(s, "$/") && !strings.HasPrefix(t[0].literal, "$/") {
		return "", errReference
	}
	return s, nil
}
