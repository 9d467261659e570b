// Package doctor looks at what a service depends on, and says of each thing whether it is well and, if not, what to
// do: the platform, the machine, and the files that the configuration names.
//
// The running service uses it on itself, with the clients and statuses that it has. The command uses it on the
// configuration of a service that does not run.
//
// A check never changes anything that is in use. To ask the platform whether it may write to an output of a service
// that does not run, it makes an output of its own and deletes it again.
package doctor
