package server

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

const (
	// elementBytes is what a message, or an entry of a map, takes in memory besides its texts, in bytes. In a
	// request it may take as few as two.
	elementBytes = 200
	// maxElements is how many messages, and entries of maps and lists, a request may have.
	maxElements = 1_000_000
	// maxDepth is how deep messages may be nested. The contract has five levels.
	maxDepth = 20
)

// decodedBytes estimates how much memory a request takes when it is decoded, in bytes. It refuses one with too
// many elements, which cost far more memory and time than their bytes. It looks at nothing but their number.
func decodedBytes(body []byte, message protoreflect.MessageDescriptor) (int, error) {
	c := elementCount{}
	if !c.count(body, message, 0) {
		return 0, invalid("", fmt.Sprintf("the request is not a message of type %s", message.FullName()))
	}
	switch {
	case c.jobs > job.MaxRequestJobs:
		return 0, invalid(jobsField, tooManyJobs(c.jobs))
	case c.elements > maxElements:
		return 0, invalid("", fmt.Sprintf("the request has %d entries: want at most %d; send it in parts", c.elements, maxElements))
	}
	return len(body) + c.elements*elementBytes, nil
}

// elementCount counts the elements of an encoded message.
type elementCount struct {
	elements int
	jobs     int // in the list of jobs of the request itself
}

// count counts the elements of a message that is encoded in body. It returns false if body is no message.
func (c *elementCount) count(body []byte, message protoreflect.MessageDescriptor, depth int) bool {
	if depth > maxDepth {
		return false
	}
	fields := message.Fields()
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		if n < 0 {
			return false
		}
		body = body[n:]
		if n = protowire.ConsumeFieldValue(number, kind, body); n < 0 {
			return false
		}
		value := body[:n]
		body = body[n:]
		field := fields.ByNumber(number)
		if field == nil {
			continue
		}
		if field.IsPacked() || field.IsList() && kind != protowire.BytesType {
			c.elements += numbersIn(value, kind)
			continue
		}
		if kind != protowire.BytesType {
			continue
		}
		switch {
		case field.Message() != nil:
			c.elements++
			if depth == 0 && field.Name() == jobsField {
				c.jobs++
			}
			inner, _ := protowire.ConsumeBytes(value)
			if !c.count(inner, field.Message(), depth+1) {
				return false
			}
		case field.IsList():
			c.elements++
		}
	}
	return true
}

// numbersIn counts the numbers in a value of a list of numbers, which has one or, packed, many: each takes a byte at
// least, and several when it is decoded.
func numbersIn(value []byte, kind protowire.Type) (n int) {
	if kind != protowire.BytesType {
		return 1
	}
	packed, _ := protowire.ConsumeBytes(value)
	for _, b := range packed {
		if b < 0x80 { // the last byte of a number
			n++
		}
	}
	return n
}
