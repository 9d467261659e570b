// Command openapi is a plugin of protoc that writes the OpenAPI document of the contract. The document is that
// of protoc-gen-connect-openapi, changed to what the gateway serves: no header is required, and calls that
// stream answer with lines of JSON.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/sudorandom/protoc-gen-connect-openapi/converter"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	input, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	request := &pluginpb.CodeGeneratorRequest{}
	if err := proto.Unmarshal(input, request); err != nil {
		return err
	}
	response, err := converter.Convert(request)
	if err != nil {
		return err
	}
	for _, file := range response.GetFile() {
		text, err := rewrite(file.GetContent(), streams(request))
		if err != nil {
			return fmt.Errorf("%s: %w", file.GetName(), err)
		}
		file.Content = &text
	}
	output, err := proto.Marshal(response)
	if err != nil {
		return err
	}
	_, err = out.Write(output)
	return err
}

// streams are the paths of the methods that stream.
func streams(request *pluginpb.CodeGeneratorRequest) map[string]bool {
	paths := map[string]bool{}
	for _, file := range request.GetProtoFile() {
		for _, service := range file.GetService() {
			for _, method := range service.GetMethod() {
				if method.GetServerStreaming() {
					paths["/"+file.GetPackage()+"."+service.GetName()+"/"+method.GetName()] = true
				}
			}
		}
	}
	return paths
}

func rewrite(text string, streams map[string]bool) (string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", err
	}
	root := document.Content[0]
	paths, schemas := value(root, "paths"), value(value(root, "components"), "schemas")
	for i := 0; i < len(paths.Content); i += 2 {
		call := value(paths.Content[i+1], "post")
		dropVersion(value(call, "parameters"))
		if streams[paths.Content[i].Value] {
			describeStream(call)
		}
	}
	set(schemas, "stream.error", `{type: object, required: [error], properties: {error: {$ref: '#/components/schemas/connect.error'}}, description: The last line of a stream that has failed.}`)
	remove(schemas, "connect-protocol-version")
	correct(schemas)
	openAnswers(schemas)
	trimComments(root)
	move(root, "components")
	var out bytes.Buffer
	out.WriteString("# Generated from proto/ by make generate. DO NOT EDIT.\n")
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return "", err
	}
	return out.String(), encoder.Close()
}

// dropVersion removes a header that the gateway does not ask for.
func dropVersion(parameters *yaml.Node) {
	kept := parameters.Content[:0]
	for _, p := range parameters.Content {
		if value(p, "name").Value != "Connect-Protocol-Version" {
			kept = append(kept, p)
		}
	}
	parameters.Content = kept
}

// describeStream says that a call answers with lines of JSON.
func describeStream(call *yaml.Node) {
	request := value(value(value(value(call, "requestBody"), "content"), "application/connect+json"), "schema")
	set(value(call, "requestBody"), "content", "{application/json: {schema: {$ref: '"+value(request, "$ref").Value+"'}}}")
	responses := value(call, "responses")
	message := value(value(value(value(responses, "200"), "content"), "application/connect+json"), "schema")
	set(responses, "200", "{description: 'One message on each line. An error is the last line.', content: {application/x-ndjson: {schema: {oneOf: "+
		"[{$ref: '"+value(message, "$ref").Value+"'}, {$ref: '#/components/schemas/stream.error'}]}}}}")
	set(responses, "default", "{description: 'Error, before there was a message', content: {application/x-ndjson: {schema: {$ref: '#/components/schemas/stream.error'}}}}")
}

// correct corrects what the converter says of types that are not ours.
func correct(schemas *yaml.Node) {
	set(schemas, "google.protobuf.Duration", `{type: string, pattern: '^-?[0-9]+(\.[0-9]{1,9})?s$', examples: [90s], description: 'A time span in seconds, with an s at the end.'}`)
	detail := value(value(schemas, "connect.error_details.Any"), "properties")
	set(detail, "type", "{type: string, examples: [google.rpc.BadRequest], description: 'Which message the detail is.'}")
	set(detail, "value", "{type: string, contentEncoding: base64, description: 'The message in binary, as base64 without padding.'}")
	set(detail, "debug", "{type: object, additionalProperties: true, description: 'The message as JSON.'}")
}

// openAnswers allows further fields in what is part of an answer: a newer server may have them.
func openAnswers(schemas *yaml.Node) {
	seen := map[string]bool{}
	var open func(name string)
	open = func(name string) {
		schema := value(schemas, name)
		if seen[name] || schema == nil {
			return
		}
		seen[name] = true
		if more := value(schema, "additionalProperties"); more != nil && more.Value == "false" {
			remove(schema, "additionalProperties")
		}
		for _, reference := range references(schema) {
			open(strings.TrimPrefix(reference, "#/components/schemas/"))
		}
	}
	for i := 0; i < len(schemas.Content); i += 2 {
		if name := schemas.Content[i].Value; strings.HasSuffix(name, "Response") {
			open(name)
		}
	}
}

// references are the schemas that a node refers to.
func references(n *yaml.Node) []string {
	var all []string
	if n.Kind == yaml.MappingNode {
		if r := value(n, "$ref"); r != nil {
			all = append(all, r.Value)
		}
	}
	for _, child := range n.Content {
		all = append(all, references(child)...)
	}
	return all
}

// ruleText is a rule of the contract that the document cannot express, as the converter appends it.
var ruleText = regexp.MustCompile(`\n\S+\.\S+ = \S+$`)

// trimComments removes the blank with which each line of a comment but the first begins.
func trimComments(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = ruleText.ReplaceAllString(strings.TrimRight(strings.ReplaceAll(n.Value, "\n ", "\n"), "\n"), "")
	}
	for _, child := range n.Content {
		trimComments(child)
	}
}

// value is the value of a key; nil if there is none.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set sets the value of a key to a text of YAML.
func set(n *yaml.Node, key, text string) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		panic(err) // the texts are in this file
	}
	plain(document.Content[0])
	if old := value(n, key); old != nil {
		*old = *document.Content[0]
		return
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, document.Content[0])
}

// plain writes a node over several lines.
func plain(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	for _, child := range n.Content {
		plain(child)
	}
}

// move moves a key to the end.
func move(n *yaml.Node, key string) {
	moved := value(n, key)
	remove(n, key)
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, moved)
}

// remove removes a key.
func remove(n *yaml.Node, key string) {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}
