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
// derives ([job.DeriveOutputPath]). A job with neither of them gets the key line-<number of its line>. If the key is
// taken, + follows it, then +2, +3 and so on. FillKeys returns how many jobs got a key.
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
	repeats := map[string]int{} // how many keys were made of each that was taken
	for i := range l.Jobs {
		j := &l.Jobs[i]
		if j.Key != "" {
			continue
		}
		key := cmp.Or(j.OutputPath, job.DeriveOutputPath(j.InputPath))
		if key == "" {
			key = "line-" + strconv.Itoa(l.Lines[i])
		}
		j.Key = keyOfText(key)
		for taken[j.Key] { // the number only grows, so that many jobs with one output path do not take long
			suffix := "+"
			if repeats[key]++; repeats[key] > 1 {
				suffix += strconv.Itoa(repeats[key])
			}
			j.Key = keyOfText(key + suffix)
		}
		taken[j.Key] = true
	}
	return missing
}

// keyOfText is a text as a key: its hash, if it is too long.
func keyOfText(text string) string {
	if utf8.RuneCountInString(text) <= job.MaxKey {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
