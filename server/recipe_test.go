package server

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// Every field of a recipe in a request reaches the recipe of the batch, and every field of the
// latter is in the contract.
func TestRecipeCarriesOver(t *testing.T) {
	message := &stokerv1.Recipe{}
	fill(message.ProtoReflect())
	if len(message.GetVideos()) != 1 || message.GetVideos()[0].GetMinGop() == 0 {
		t.Fatalf("the message is %v, want every field set", message)
	}
	for _, field := range zeroFields(reflect.ValueOf(recipe(message)), "recipe") {
		t.Errorf("%s is not taken from the request", field)
	}
	for _, acl := range []job.ACL{job.PublicRead, job.Private, job.NoACL} {
		value := stokerv1.Acl_value["ACL_"+string(acl)]
		if got := recipe(&stokerv1.Recipe{Acl: stokerv1.Acl(value)}).ACL; value == 0 || got != acl {
			t.Errorf("ACL %s comes back as %q", acl, got)
		}
	}
	if r := recipe(&stokerv1.Recipe{}); r.ACL != "" || r.PerTitle != nil || r.Deinterlace != nil {
		t.Errorf("an empty recipe becomes %+v", r)
	}
}

// fill gives a value that is not zero to every field of a message, and one element to every list.
func fill(m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		switch {
		case field.IsList() && field.Message() != nil:
			list := m.Mutable(field).List()
			fill(list.AppendMutable().Message())
		case field.IsList():
			m.Mutable(field).List().Append(someValue(field))
		case field.Message() != nil:
			fill(m.Mutable(field).Message())
		default:
			m.Set(field, someValue(field))
		}
	}
}

func someValue(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(1)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	}
	return protoreflect.ValueOfString("x")
}

// zeroFields lists the fields of a value that are zero.
func zeroFields(v reflect.Value, path string) (zero []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return zeroFields(v.Elem(), path)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			return zeroFields(v.Index(0), path+"[0]")
		}
	case reflect.Struct:
		for i := range v.NumField() {
			zero = append(zero, zeroFields(v.Field(i), path+"."+strings.ToLower(v.Type().Field(i).Name))...)
		}
		return zero
	}
	if v.IsZero() {
		return []string{path}
	}
	return nil
}
