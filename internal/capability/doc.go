// Package capability knows what the platform can do with a recipe or a storage: the values of its
// enumerations, the fields that each codec and each type of storage has, and which codecs fit into
// which containers and manifests. It is asked where the configuration is read and when a batch is
// submitted, so that nothing is paid for what cannot work.
//
// The platform's enumerations grow. A value that they did not have when this version was made is
// refused, unless allow_unknown lets it pass with a warning.
package capability
