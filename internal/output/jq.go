package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
)

// query is an expression of jq.
type query struct {
	text string
	code *gojq.Code
}

// newQuery compiles an expression. It has neither the environment nor files.
func newQuery(text string) (*query, error) {
	parsed, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--jq %s: %s", text, jqProblem(text, err))
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, fmt.Errorf("--jq %s: %w", text, err)
	}
	return &query{text: text, code: code}, nil
}

// jqProblem says where an expression cannot be read.
func jqProblem(text string, err error) string {
	wrong, ok := errors.AsType[*gojq.ParseError](err)
	if !ok {
		return err.Error()
	}
	if wrong.Token == "" {
		return "the expression ends too early"
	}
	return fmt.Sprintf("unexpected %q, the %s character", wrong.Token, ordinal(len([]rune(text[:max(0, wrong.Offset-len(wrong.Token))]))+1))
}

// ordinal is a number as a place in an order.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		suffix = map[int]string{1: "st", 2: "nd", 3: "rd"}[n%10]
		if suffix == "" {
			suffix = "th"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// run writes the results for a document of JSON, each on a line: a string as it is, everything else as
// JSON. The expression sees every text made [Printable], so that the only tabs and line breaks in a result
// are those that it has put there.
func (q *query) run(w io.Writer, document []byte) error {
	var input any
	if err := json.Unmarshal(document, &input); err != nil {
		return err
	}
	for results := q.code.Run(printable(input)); ; {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil {
				return nil
			}
			return fmt.Errorf("--jq %s: %s", q.text, Printable(err.Error()))
		}
		line, err := resultLine(result)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
}

// printable makes the texts in a value of JSON [Printable], in place where it can.
func printable(value any) any {
	switch value := value.(type) {
	case string:
		return Printable(value)
	case []any:
		for i := range value {
			value[i] = printable(value[i])
		}
	case map[string]any:
		for name, member := range value {
			if clean := Printable(name); clean != name {
				delete(value, name)
				name = clean
			}
			value[name] = printable(member)
		}
	}
	return value
}

// resultLine is a result as it is printed.
func resultLine(result any) ([]byte, error) {
	if text, ok := result.(string); ok {
		return []byte(text), nil
	}
	line, err := gojq.Marshal(result)
	return escapeHidden(line), err
}
