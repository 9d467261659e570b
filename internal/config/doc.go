// Package config reads the configuration of the service: flags over environment
// over one YAML file, the same settings under the same names in all three
// (--queue-target, STOKER_QUEUE_TARGET, queue_target).
//
// The file adds what has more than one value: accounts, storages, profiles and
// templates. example.yaml beside this file shows all of it. Secrets never stand in
// the file; it names the environment variable or the file that holds them.
//
// What neither of them says is filled in from the variables of Bitmovin's own
// examples: the account, the input and the output named default. They are looked
// for in ./examples.properties, in the environment and in
// ~/.bitmovin/examples.properties, in this order.
//
// A mistake never stops the reading: [Error] lists all of them, each with its place
// and its remedy.
package config
