package joblist

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/stokerd/stoker/job"
)

// FillKeys gives every job without a key its output path as its key, or a hash of an output path
// that is longer than [job.MaxKey]. The output path of a job that names none is the one that the server
// derives ([job.DeriveOutputPath]). A job with neither of them gets the key line-<number of its line>. If the key is taken, a + follows it. FillKeys returns how many jobs got a key.
//
// A key from a unique output path stays the same when lines are added or moved. A key from a line
// number or with a + may change.
func (l *List) FillKeys() int {
	missing := 0
	for _, j := range l.Jobs {
		if j.Key == "" {
			missing++
		}
	}
	if missing == 0 {
		return 0
	}
	taken := make(map[string]bool, len(l.Jobs))
	for _, j := range l.Jobs {
		taken[j.Key] = true
	}
	for i := range l.Jobs {
		j := &l.Jobs[i]
		if j.Key != "" {
			continue
		}
		key := cmp.Or(j.OutputPath, job.DeriveOutputPath(j.InputPath))
		switch {
		case key == "":
			key = "line-" + strconv.Itoa(l.Lines[i])
		case utf8.RuneCountInString(key) > job.MaxKey:
			sum := sha256.Sum256([]byte(key))
			key = hex.EncodeToString(sum[:16])
		}
		for taken[key] {
			key += "+"
		}
		j.Key = key
		taken[key] = true
	}
	return missing
}
