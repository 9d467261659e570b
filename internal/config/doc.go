// Package config reads the configuration of the service. A setting can be a flag
// (--queue-target), an environment variable (STOKER_QUEUE_TARGET) or a key of one YAML file
// (queue_target). Flags override variables, and variables override the file.
//
// Accounts, storages, profiles and templates can only be in the file; example.yaml in this
// directory shows all keys. Secrets are not allowed in the file: the file names the environment
// variable or the other file that holds a secret.
//
// The account, the input and the output named default can also come from the variables of
// Bitmovin's own examples; see [Sample]. What the configuration file says comes first.
//
// After a mistake the package reads on. [Error] lists all mistakes, each with its place and with
// how to correct it.
package config
