package config

import _ "embed"

// ExampleFile is a configuration file that shows every key, with comments. It can be loaded as it is. Lines that
// need a file or a secret are turned off by a # that stands right before the key.
//
//go:embed example.yaml
var ExampleFile string

// SchemaFile is the JSON Schema of the configuration file. It is made from the types of this package.
//
//go:embed stoker.schema.json
var SchemaFile string
