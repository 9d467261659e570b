// Package template reads Bitmovin encoding templates with variables in them, and fills them in for
// jobs.
//
// A template is YAML (or JSON) as the platform takes it, with metadata of type VOD and one encoding
// with a start. The template says how to encode. Variables in its values say which asset of which
// storage is encoded, and where the results go. They get their values from the job and its batch:
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
//	${NAME}         the same as ${var:NAME}, if NAME is not like one of the names above
//
// A variable for a number or boolean must be the whole value. All others may be anywhere in a value,
// any number of times. $${ stands for a plain ${. A $ before anything else has no meaning, so that
// references such as $/inputs/https/in do not change. Within braces and brackets, YAML needs quotes
// around a value with a variable: {inputPath: "${input_path}"}.
//
// If the template uses ${input_id} or ${output_id}, the paths on that storage begin with the
// storage's base path. A template without them has inputs and outputs of its own, and gets the paths
// as they are. It must not contain credentials, because it is stored with every batch.
//
// A template may have 1 MiB and 10,000 values, and may use 50 variables that jobs define. Variables may
// be declared beside the template, with type, default and description: see [CheckDeclarations].
//
// # What is checked
//
// The platform drops keys that it does not know, and then encodes without them. So [Parse] checks every
// key and value against outline.txt, an outline of the platform's schema, whose form outline.go
// describes. It checks that every reference names a resource of the template, of the kind that is
// wanted, and that no secret stands in it. A job's values are checked in the same way where the schema
// limits them ([Template.Check]). With AllowUnknown, what the outline does not know is a warning.
//
// A batch keeps the template with which it was accepted. [ParseStored] reads such a template: rules that
// have been added since do not apply to it.
//
// # Scalars
//
// The library that parses the YAML keeps scalars as they are written. What a plain scalar means is
// decided here: by the schema, where it wants text or a word, and otherwise by the core schema of YAML
// 1.2. Merge keys (<<) are resolved here as well, with keys of the mapping itself overriding what is
// merged, and so are aliases, so that each value keeps its line.
//
// # Values stay values
//
// Variables are filled in after the YAML has been parsed. No path, title or variable can therefore
// end its value and begin something else, whatever quotes, colons and line breaks it has. The result
// is written as JSON, which is YAML as well. A value could still be taken for a reference. A job is
// refused if its values turn plain text into something that begins with $/.
//
// # Where jobs write
//
// An outputPath without a variable of the job is the same for all jobs of a batch: each would
// overwrite the results of the one before. Such a template is for one job only, unless the outputs
// that it declares differ from job to job.
//
// If some outputPath, together with the file names beside it, has no variable of the job but
// ${output_path}, no two jobs of a batch may have the same output path. Otherwise two jobs may have
// the same output path, and the caller has to make sure that their other variables differ.
//
// # What else is filled in
//
// The server sets the name of the encoding, by which it finds an encoding whose start was never
// answered. It adds a label, and sets the priority of the start to that of the batch. The name and
// the priority replace those of the template. If a job is retried in another region, that region
// replaces the cloudRegion of the template. Everything else, such as encoder version, encoding mode
// and prewarmed pools, goes to the platform as it is in the template.
package template
