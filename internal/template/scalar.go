package template

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// The tags of scalars that a template can have.
const (
	strTag   = "!!str"
	intTag   = "!!int"
	floatTag = "!!float"
	boolTag  = "!!bool"
	nullTag  = "!!null"
)

// The forms of numbers in the core schema of YAML 1.2.
var (
	decimalForm = regexp.MustCompile(`^[-+]?[0-9]+$`)
	octalForm   = regexp.MustCompile(`^0o[0-7]+$`)
	hexForm     = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	floatForm   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	notFinite   = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	// groupedForm is a whole number whose digits are in groups. It is text in YAML 1.2, but its
	// meaning is clear where a number is wanted.
	groupedForm = regexp.MustCompile(`^[-+]?[0-9]+(_[0-9]+)+$`)
)

// scalarValue is what a scalar means by itself in the core schema of YAML 1.2: nil, a bool, a
// [json.Number] or a string. So no, yes, on, 1:20, 1_000 and dates are text, 0123 is 123, and 0o17 is
// 15. It returns a float64 for a number that is not finite.
func (n *node) scalarValue() any {
	if n.tag == strTag || !n.plain && n.tag == "" {
		return n.text
	}
	switch n.text {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	if n.tag == nullTag {
		return nil
	}
	if number, ok := parseNumber(n.text); ok {
		return number
	}
	if notFinite.MatchString(n.text) {
		if strings.HasSuffix(strings.ToLower(n.text), "nan") {
			return math.NaN()
		}
		return math.Inf(1)
	}
	return n.text
}

// parseNumber reads a number in the forms of YAML 1.2.
func parseNumber(text string) (json.Number, bool) {
	base := 0
	switch {
	case decimalForm.MatchString(text):
		base = 10
	case octalForm.MatchString(text):
		base, text = 8, text[2:]
	case hexForm.MatchString(text):
		base, text = 16, text[2:]
	case floatForm.MatchString(text):
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "", false
		}
		return json.Number(strconv.FormatFloat(f, 'f', -1, 64)), true
	default:
		return "", false
	}
	whole, ok := new(big.Int).SetString(text, base)
	if !ok {
		return "", false
	}
	return json.Number(whole.String()), true
}

// wholeNumber returns a number without a fraction as such, and false for any other.
func wholeNumber(n json.Number) (json.Number, bool) {
	whole, fraction, _ := strings.Cut(n.String(), ".")
	return json.Number(whole), strings.Trim(fraction, "0") == ""
}
