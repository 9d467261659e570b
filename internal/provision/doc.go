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
// The package decides nothing about jobs. It records no attempt, repeats no call that
// failed for another reason than throttling, and starts no encoding: [StartRequest] only
// says what a start has to contain. An error that concerns every job of the batch is a
// [SharedError]; all others are the platform's answer about this one job.
//
// [EncodingName] and [AttemptName] give an encoding a name from which [ParseName] reads the
// job again.
package provision
