package joblist

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/stokerd/stoker/job"
)

// FillKeys gives every job without a key its output path as its key, or a hash of an output path
// that is too long for one. Such a key is the same whenever the list is read again, also after
// lines were added or moved. A job without an output path gets the number of its line. FillKeys
// returns how many jobs got a key.
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
			key += "+" // another job has this key of its own
		}
		j.Key = key
		taken[key] = true
	}
	return missing
}
