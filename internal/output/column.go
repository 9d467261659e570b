package output

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Column is a column of a listing.
type Column[T any] struct {
	// Head stands over the column. In lower case it is the name of the column.
	Head string
	// Value is what stands in the row of a message.
	Value func(T) Value
	// Right puts numbers under each other, digit by digit.
	Right bool
	// Cut says how values may be shortened.
	Cut Cut
	// ShrinkTo makes this the column that is shortened first where a table does not fit, down to so many
	// cells. At most one column of a listing has it.
	ShrinkTo int
	// LeaveOut is when the column goes where the table still does not fit: 1 first, then 2, and so on;
	// 0: never.
	LeaveOut int
	// Wide is for columns that only -o wide and programs get.
	Wide bool

	asked bool // the user has named the column: it is there even if it is empty
}

// Extra is a field that the values of a listing do not have themselves.
type Extra[T any] struct {
	// Name is that of the field, in the manner of the contract.
	Name string
	// Value is that of a message; a field without value is left out.
	Value func(T) string
	// Number says that the value is a number, which JSON has without quotes.
	Number bool
}

// Listing says how values of one type are listed: messages of the contract, whose fields JSON, YAML and CSV
// have, or values of another type, of which they have the extra fields.
type Listing[T any] struct {
	// Columns are all columns, in the order in which they always stand.
	Columns []Column[T]
	// Name is what other commands take for a message; -o name prints it.
	Name func(T) string
	// Extra are fields that JSON, YAML and CSV have beside those of the message.
	Extra []Extra[T]
	// Leave are heads of columns that say nothing in this list, because a filter allows one value only.
	// A table leaves them out.
	Leave []string
}

// shape is how a column behaves in a table.
type shape struct {
	head     string
	right    bool
	cut      Cut
	shrinkTo int
	leaveOut int
	asked    bool
}

// describeShape returns how the column behaves in a table.
func (c Column[T]) describeShape() shape {
	return shape{head: c.Head, right: c.Right, cut: c.Cut, shrinkTo: c.ShrinkTo, leaveOut: c.LeaveOut, asked: c.asked}
}

// message describes the message that T is; nil if T is none.
func (l Listing[T]) message() protoreflect.MessageDescriptor {
	var zero T
	if m, ok := any(zero).(proto.Message); ok {
		return m.ProtoReflect().Descriptor()
	}
	return nil
}

// fields are the fields of the message that T is.
func (l Listing[T]) fields() []field {
	m := l.message()
	if m == nil {
		return nil
	}
	return fieldsOf(m)
}

// findField finds a field of the message that T is.
func (l Listing[T]) findField(name string) (field, bool) {
	m := l.message()
	if m == nil {
		return field{}, false
	}
	return findField(m, name)
}

// column is the field as a column of a table has it.
func (e Extra[T]) column(m T) Value {
	text := e.Value(m)
	if number, err := strconv.ParseFloat(text, 64); err == nil && e.Number {
		return Value{kind: kindNumber, text: text, number: number}.ForPrograms(text)
	}
	return Text(text)
}

// asMessage is a value of a listing of messages.
func asMessage[T any](value T) proto.Message {
	m, _ := any(value).(proto.Message) // [Listing.fields] are empty for other types
	return m
}
