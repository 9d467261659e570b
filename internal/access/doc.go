// Package access is the vocabulary of who may do what: principals, roles, tokens, and the entries of the
// audit log. It proves nothing and refuses nobody: package identity finds out who calls, and package
// server decides what a caller may do.
package access
