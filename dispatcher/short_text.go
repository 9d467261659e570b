package dispatcher

import "github.com/stokerd/stoker/job"

// shortText is the text of an error at a length that a status can show: the platform's part
// of it may be long.
func shortText(err error) string { return job.Shorten(err.Error(), job.MaxReason) }
