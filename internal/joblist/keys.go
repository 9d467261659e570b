package joblist

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/stokerd/stoker/job"
)

// FillKeys gives every job without a key one that is the same whenever the list is read
// again, also when lines were added or moved: its output path, or a hash of one that is too
// long. A job without output path gets the number of its line. It returns how many jobs
// got a key.
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
		key := j.OutputPath
		switch {
		case key == "":
			key = "line-" + strconv.Itoa(l.Lines[i])
		case utf8.RuneCountInString(key) > job.MaxKey:
			sum := sha256.Sum256([]byte(key))
			key = hex.EncodeToString(sum[:16])
		}
		for taken[key] {
			key += "+" // somebody's own key
		}
		j.Key = key
		taken[key] = true
	}
	return missing
}
