package main

import (
	"fmt"
	"strings"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/job"
)

// sampleName is the name of Bitmovin's example, and of a directory in its output paths.
const sampleName = "BatchEncoding"

// sampleJobs is how many encodings the example makes of its one asset.
const sampleJobs = 6

// readSampleList makes the job list of the example, for the asset that HTTP_INPUT_FILE_PATH names.
func (c *cli) readSampleList() (*joblist.List, error) {
	const variable = "HTTP_INPUT_FILE_PATH"
	input, where, err := config.NewSample(c.configSources("", nil)).Get(variable)
	if err != nil {
		return nil, err
	}
	if input == "" {
		return nil, usagef("--sample: set %s to the path of an asset on the HTTP input, for example videos/1080p_Sintel.mp4", variable)
	}
	list := &joblist.List{Name: sampleName}
	for i := range sampleJobs {
		name := fmt.Sprintf("encoding%d", i+1)
		list.Jobs = append(list.Jobs, job.Spec{
			Key: name, Name: name, InputPath: input,
			OutputPath: strings.Join([]string{sampleName, strings.Trim(input, "/"), name}, "/"),
		})
		list.Lines = append(list.Lines, 1)
	}
	c.note("six encodings of the asset %s (path from %s)", input, where)
	return list, nil
}
