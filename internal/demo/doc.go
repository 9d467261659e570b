// Package demo has what there is to see without an account: a platform on which some encodings fail, open films to
// encode there, and a story, which is a service in the middle of its work: batches that run, wait, were paused and have
// failed, and an account that cannot be used.
package demo
