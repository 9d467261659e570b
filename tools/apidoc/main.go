// Command apidoc is a plugin of protoc that writes the reference of the contract, docs/api.md: services, messages and
// enumerations with their comments, roles and rules.
package main

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const head = `# API reference

Generated from [proto/stoker/v1](../proto/stoker/v1): ` + "`make generate`" + ` writes this page. The [cookbook](cookbook.md) has an
example of each call, by grpcurl and by curl. Every method can also be called as JSON over HTTP:
` + "`POST /stoker.v1.BatchService/GetBatch`" + `.

`

// ours is the package whose files are documented.
const ours = "stoker.v1"

func main() {
	protogen.Options{}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		files, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: plugin.Request.GetProtoFile()})
		if err != nil {
			return err
		}
		r := &reference{types: dynamicpb.NewTypes(files), out: plugin.NewGeneratedFile("api.md", "")}
		return r.write(plugin.Files)
	})
}

// reference is the page while it is written.
type reference struct {
	types *dynamicpb.Types
	out   *protogen.GeneratedFile
}

func (r *reference) printf(format string, args ...any) { r.out.P(fmt.Sprintf(format, args...)) }

func (r *reference) write(files []*protogen.File) error {
	files = slices.DeleteFunc(slices.Clone(files), func(f *protogen.File) bool { return string(f.Desc.Package()) != ours })
	r.out.P(strings.TrimSuffix(head, "\n"))
	for _, f := range files {
		for _, s := range f.Services {
			r.printf("- [%s](#%s): %s", s.GoName, anchor(s.GoName), firstSentence(s.Comments.Leading))
		}
	}
	r.printf("- [Messages](#messages)\n- [Enumerations](#enumerations)")
	for _, f := range files {
		for _, s := range f.Services {
			if err := r.writeService(s); err != nil {
				return err
			}
		}
	}
	r.printf("\n## Messages")
	for _, f := range files {
		for _, m := range f.Messages {
			if err := r.writeMessage(m); err != nil {
				return err
			}
		}
	}
	r.printf("\n## Enumerations")
	for _, f := range files {
		for _, e := range f.Enums {
			r.writeEnum(e)
		}
		for _, m := range f.Messages {
			for _, e := range m.Enums {
				r.writeEnum(e)
			}
		}
	}
	return nil
}

func (r *reference) writeService(s *protogen.Service) error {
	r.printf("\n## %s\n\n%s", s.GoName, prose(s.Comments.Leading))
	for _, m := range s.Methods {
		r.printf("\n### %s\n\n%s\n", m.GoName, prose(m.Comments.Leading))
		request, response := typeLink(m.Input.Desc), typeLink(m.Output.Desc)
		if m.Desc.IsStreamingClient() {
			request = "a stream of " + request
		}
		if m.Desc.IsStreamingServer() {
			response = "a stream of " + response
		}
		role, err := r.roleOf(m)
		if err != nil {
			return err
		}
		r.printf("Takes %s, returns %s. %s", request, response, role)
	}
	return nil
}

// roleOf says which role a method needs.
func (r *reference) roleOf(m *protogen.Method) (string, error) {
	options, err := r.resolve(m.Desc.Options())
	if err != nil {
		return "", err
	}
	role := "It needs no role."
	options.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.FullName() != ours+".access" {
			return true
		}
		access := v.Message()
		field := access.Descriptor().Fields().ByName("role")
		name := field.Enum().Values().ByNumber(access.Get(field).Enum()).Name()
		if word, ok := strings.CutPrefix(string(name), "ROLE_"); ok && word != "UNSPECIFIED" {
			role = "It needs the role " + strings.ToLower(word) + "."
		}
		return false
	})
	return role, nil
}

func (r *reference) writeMessage(m *protogen.Message) error {
	if m.Desc.IsMapEntry() {
		return nil
	}
	r.printf("\n### %s\n\n%s", name(m.Desc), prose(m.Comments.Leading))
	if len(m.Fields) > 0 {
		r.printf("\n| field | type | |\n|---|---|---|")
	}
	for _, f := range m.Fields {
		text := []string{cell(string(f.Comments.Leading))}
		if f.Oneof != nil && !f.Oneof.Desc.IsSynthetic() {
			text = append(text, fmt.Sprintf("One of `%s`.", f.Oneof.Desc.Name()))
		}
		rules, err := r.rulesOf(f)
		if err != nil {
			return err
		}
		if rules != "" {
			text = append(text, "*"+cell(rules)+"*")
		}
		r.printf("| `%s` | %s | %s |", f.Desc.Name(), fieldType(f), strings.Join(text, " "))
	}
	for _, nested := range m.Messages {
		if err := r.writeMessage(nested); err != nil {
			return err
		}
	}
	return nil
}

func (r *reference) writeEnum(e *protogen.Enum) {
	r.printf("\n### %s\n\n%s\n\n| value | |\n|---|---|", name(e.Desc), prose(e.Comments.Leading))
	for _, v := range e.Values {
		r.printf("| `%s` | %s |", v.Desc.Name(), cell(string(v.Comments.Leading)))
	}
}

// rulesOf lists the rules for the values of a field.
func (r *reference) rulesOf(f *protogen.Field) (string, error) {
	options, err := r.resolve(f.Desc.Options())
	if err != nil {
		return "", err
	}
	var rules []string
	options.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.FullName() == "buf.validate.field" {
			rules = listRules("", v.Message())
		}
		return true
	})
	return strings.Join(rules, ", "), nil
}

// listRules lists the rules in a message of protovalidate's. The kind of the value, such as string, is not said
// again.
func listRules(prefix string, m protoreflect.Message) []string {
	var rules []string
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		v := m.Get(f)
		switch {
		case f.IsList() && f.Message() != nil: // rules of their own, in words
			for j := range v.List().Len() {
				rule := v.List().Get(j).Message()
				if text := rule.Get(rule.Descriptor().Fields().ByName("message")).String(); text != "" {
					rules = append(rules, prefix+text)
				}
			}
		case f.IsList():
			var values []string
			for j := range v.List().Len() {
				values = append(values, fmt.Sprint(v.List().Get(j).Interface()))
			}
			rules = append(rules, prefix+words(f.Name(), strings.Join(values, " or ")))
		case f.Name() == "items" || f.Name() == "keys" || f.Name() == "values":
			rules = append(rules, listRules(prefix+"each: ", v.Message())...)
		case f.Message() != nil && isTime(f.Message()):
			rules = append(rules, prefix+words(f.Name(), seconds(v.Message())))
		case f.Message() != nil:
			rules = append(rules, listRules(prefix, v.Message())...)
		case f.Kind() == protoreflect.EnumKind: // such as ignore: of no interest to callers
		case f.Kind() == protoreflect.BoolKind:
			if v.Bool() {
				rules = append(rules, prefix+words(f.Name(), ""))
			}
		default:
			rules = append(rules, prefix+words(f.Name(), fmt.Sprint(v.Interface())))
		}
	}
	return rules
}

// words says a rule with its bound.
func words(rule protoreflect.Name, bound string) string {
	switch rule {
	case "min_len":
		if bound == "1" {
			return "not empty"
		}
		return "at least " + bound + " characters"
	case "max_len":
		return "at most " + bound + " characters"
	case "max_bytes":
		return "at most " + bound + " bytes"
	case "min_items", "min_pairs":
		return "at least " + bound + " entries"
	case "max_items", "max_pairs":
		return "at most " + bound + " entries"
	case "pattern":
		return "of the form `" + bound + "`"
	case "gte":
		return "at least " + bound
	case "lte":
		return "at most " + bound
	case "gt":
		return "more than " + bound
	case "lt":
		return "less than " + bound
	case "const":
		return "only " + bound
	case "in":
		return "one of " + bound
	case "not_in":
		return "not " + bound
	case "defined_only":
		return "a value of the enumeration"
	}
	return strings.TrimSpace(strings.ReplaceAll(string(rule), "_", " ") + " " + bound)
}

func isTime(m protoreflect.MessageDescriptor) bool {
	return m.FullName() == "google.protobuf.Duration" || m.FullName() == "google.protobuf.Timestamp"
}

// seconds is a duration.
func seconds(m protoreflect.Message) string {
	return fmt.Sprintf("%d s", m.Get(m.Descriptor().Fields().ByName("seconds")).Int())
}

// resolve returns options with their extensions.
func (r *reference) resolve(options proto.Message) (protoreflect.Message, error) {
	fresh := options.ProtoReflect().New()
	encoded, err := proto.Marshal(options)
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: r.types}.Unmarshal(encoded, fresh.Interface())
	}
	return fresh, err
}

// fieldType is the type of a field, with a link if it is ours.
func fieldType(f *protogen.Field) string {
	switch {
	case f.Desc.IsMap():
		return "map of " + valueType(f.Desc.MapKey()) + " to " + valueType(f.Desc.MapValue())
	case f.Desc.IsList():
		return "repeated " + valueType(f.Desc)
	case f.Desc.HasOptionalKeyword():
		return "optional " + valueType(f.Desc)
	}
	return valueType(f.Desc)
}

func valueType(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Enum() != nil:
		return typeLink(f.Enum())
	case f.Message() != nil:
		return typeLink(f.Message())
	}
	return f.Kind().String()
}

// typeLink is the name of a type, with a link if it is ours.
func typeLink(d protoreflect.Descriptor) string {
	if string(d.ParentFile().Package()) != ours {
		return "`" + string(d.FullName()) + "`"
	}
	return fmt.Sprintf("[%s](#%s)", name(d), anchor(name(d)))
}

// name is the name of a type below the package.
func name(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), ours+".")
}

// anchor is what a link calls a heading.
func anchor(heading string) string { return strings.ToLower(strings.ReplaceAll(heading, ".", "")) }

// prose is a comment as Markdown.
func prose(c protogen.Comments) string {
	var lines []string
	for line := range strings.Lines(string(c)) {
		lines = append(lines, strings.TrimPrefix(strings.TrimRight(line, " \n"), " "))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// cell is a comment in a cell of a table.
func cell(c string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(c), " "), "|", `\|`)
}

func firstSentence(c protogen.Comments) string {
	text := cell(string(c))
	if end := strings.Index(text, ". "); end >= 0 {
		return text[:end+1]
	}
	return text
}
