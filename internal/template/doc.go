// Package template reads Bitmovin encoding templates with variables in them, and
// fills them in for one job after the other.
//
// A template is YAML (or JSON) as the platform takes it: metadata of type VOD, one
// encoding with a start, and whatever they need. It says how to encode; which asset,
// from where and to where comes from the job and its batch by variables in its values:
//
//	${input_id}     the platform's id of the batch's input storage
//	${input_path}   the job's input path on it
//	${output_id}    the platform's id of the batch's output storage
//	${output_path}  the job's output path on it
//	${name}         the job's name, else its key, else the last element of its input path
//	${key}          the job's key
//	${job_id}       the job's id, <batch id>/<number>
//	${batch_id}     the batch's id
//	${var:NAME}     the job's variable NAME, as text
//	${number:NAME}  the job's variable NAME, as a number
//	${bool:NAME}    the job's variable NAME, which is true or false
//
// Numbers and booleans stand alone in their value; all others may stand anywhere in
// it, any number of times. $${ is a plain ${. A $ before anything else is
// nothing special, so that references such as $/inputs/https/in stay what they are.
// Inside braces and brackets YAML wants a value with a variable in quotes:
// {inputPath: "${input_path}"}.
//
// A path lies below the base path of its storage if the template uses the storage,
// that is if ${input_id} or ${output_id} is in it. A template without them brings
// inputs and outputs of its own, and is given the paths as they are.
//
// # Nothing gets out of its value
//
// Variables are filled in after the YAML has been read, into the values that it came
// to. So no path, title or variable can end its value and begin something else,
// whatever quotes, colons and line breaks are in it. What comes out is written as JSON,
// which is YAML as well. One thing is left that a value could be taken for: a
// reference. A job whose values turn plain text into something that begins with $/ is
// refused.
//
// # Where jobs write to
//
// An outputPath without a variable of the job is the same for all jobs of a batch, which
// would all be paid, and of which the last to end would be left. So such a template is for
// one job alone, unless the outputs that it declares differ from job to job.
//
// If some outputPath, with the names of the files beside it, has no other variable of the
// job than ${output_path}, no two jobs of a batch may have the same output path. Otherwise
// they may: the template tells them apart by something else, and that it does so for every
// two jobs is up to whoever submits them.
//
// # What is filled in besides
//
// The encoding's name, by which an encoding is found again whose start was never
// answered; a label behind the template's own; and the batch's priority at the start.
// All three replace what the template says of them. A job that is tried again in another
// region has that in place of the template's cloudRegion. Whatever else the template says
// of how and where to encode, encoder version, encoding mode and prewarmed pools among it,
// goes to the platform as it stands there.
package template
