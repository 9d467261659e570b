package gateway

import (
	"bytes"
	"encoding/json"
	"strings"
)

// pathStep is a step of a path: the name of a field or key, or an index of a list.
type pathStep struct {
	name  string // empty: an index
	index int
}

// pathTo is the path to what is at an offset of a text, which is JSON. It makes no copy of the text: a large one may be
// a single value.
func pathTo(text []byte, offset int) []pathStep {
	var open []pathStep // of each object or list that is open, where in it the next token is
	var inList []bool
	named := false // the name of the next value has been read
	for at := 0; ; {
		token, next := nextToken(text, at)
		if len(token) == 0 {
			return open
		}
		at = next
		reached := at > offset
		if token[0] == '}' || token[0] == ']' {
			if len(open) == 0 {
				return open // this is not JSON
			}
			open, inList = open[:len(open)-1], inList[:len(inList)-1]
			if reached {
				return open
			}
			named = false
			continue
		}
		depth := len(open) - 1
		if depth >= 0 && !inList[depth] && !named {
			open[depth].name, named = readName(token), true
			if reached {
				return open
			}
			continue
		}
		if depth >= 0 && inList[depth] {
			open[depth].index++
		}
		if reached {
			return open
		}
		named = false
		if token[0] == '{' || token[0] == '[' {
			open, inList = append(open, pathStep{index: -1}), append(inList, token[0] == '[')
		}
	}
}

// nextToken returns the first token of a text from an offset on, without commas and colons, and where it ends. It is
// empty at the end of the text.
func nextToken(text []byte, from int) (token []byte, end int) {
	for from < len(text) && strings.IndexByte(" \t\r\n,:", text[from]) >= 0 {
		from++
	}
	if from == len(text) {
		return nil, from
	}
	end = from + 1
	switch text[from] {
	case '{', '}', '[', ']':
	case '"':
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(text))
	default:
		if n := bytes.IndexAny(text[end:], " \t\r\n,:{}[]\""); n >= 0 {
			end += n
		} else {
			end = len(text)
		}
	}
	return text[from:end], end
}

// readName is the name that a token has, empty if it is none.
func readName(token []byte) (name string) {
	if json.Unmarshal(token, &name) != nil {
		return ""
	}
	return name
}
