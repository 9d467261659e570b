// Package provision turns the recipe or the template of a batch into calls to the platform.
//
// A [Provisioner] works for one account. Its calls come in two kinds:
//
//   - Shared resources: inputs, outputs and codec configurations. [Provisioner.EnsureShared]
//     and [Provisioner.EnsureStorages] find or create each of them once per account and
//     content, and remember its id in a [ResourceStore].
//   - The parts of one encoding: [Provisioner.CreateEncoding] creates it, and
//     [Provisioner.Configure] adds streams, muxings and manifests. A template needs no
//     configuring: [Provisioner.RenderTemplate] fills it in for one job.
//
// The package decides nothing about jobs. It records no attempt, repeats a call only if the
// platform throttled it, and starts no encoding: [StartRequest] only makes the content of a
// start. An error that concerns every job of the batch is a [SharedError]; any other error is
// about the one job.
//
// [EncodingName] and [AttemptName] name an encoding after its job; [ParseName] reads the job's
// id from such a name.
package provision
