package job_test

import (
	"strings"
	"testing"

	"github.com/stokerd/stoker/job"
)

func TestFindAddress(t *testing.T) {
	type found struct {
		kind  job.Address
		below string
	}
	for text, want := range map[string]found{
		"https://user:secret@cdn.example.com/masters/a.mov?sig=secret":  {job.URL, "masters/a.mov"},
		"http://cdn.example.com:8080/masters/a.mov#secret":              {job.URL, "masters/a.mov"},
		"HTTPS://cdn.example.com/a.mov":                                 {job.URL, "a.mov"},
		" https://cdn.example.com/a.mov":                                {job.URL, "a.mov"},
		"\ufeff\u200bhttps://user:secret@cdn.example.com/a.mov":         {job.URL, "a.mov"},
		"https://cdn.example.com":                                       {job.URL, ""},
		"https://user:sec/secret@cdn.example.com/a.mov":                 {job.URL, ""},
		"masters/https://user:secret@cdn.example.com/a.mov":             {job.URL, "a.mov"},
		`"https://cdn.example.com/a.mov`:                                {job.URL, "a.mov"},
		"https%3A%2F%2Fuser%3Asecret%40cdn.example.com%2Fmasters/a.mov": {job.URL, "a.mov"},
		"https:/user:secret@cdn.example.com/a.mov":                      {job.URL, "a.mov"},
		"ftp://user:secret@files.example.com/a.mov":                     {job.URL, "a.mov"},
		"x-scheme+1://host/a.mov":                                       {job.URL, "a.mov"},
		"s3://masters-bucket/b.mov":                                     {job.BucketAddress, "b.mov"},
		"gs://bucket/dir/b.mov":                                         {job.BucketAddress, "dir/b.mov"},
		"s3://bucket/b.mov?X-Amz-Signature=secret":                      {job.BucketAddress, ""},
		"arn:aws:s3:::bucket/dir/b.mov":                                 {job.BucketAddress, "dir/b.mov"},
		"user:secret@cdn.example.com/masters/a.mov":                     {job.LoginAddress, "masters/a.mov"},
		"//user:secret@cdn.example.com/masters/a.mov?x=secret":          {job.LoginAddress, "masters/a.mov"},
		`C:\Users\me\a.mov`:                                             {job.ComputerAddress, ""},
		`d:/films/a.mov`:                                                {job.ComputerAddress, ""},
		`\\nas\films\a.mov`:                                             {job.ComputerAddress, ""},
		"file:///home/me/a.mov":                                         {job.ComputerAddress, ""},

		"":                                  {},
		"masters/a.mov":                     {},
		"//double/slash.mov":                {},
		`in/dos\back.mov`:                   {},
		`\single/a.mov`:                     {},
		"in/12:30@night.mov":                {},
		"Film: the sequel/a@2x.mov":         {},
		"in/#1?x+y&z=1.mov":                 {},
		"masters/a.mov?token=x":             {},
		"in/%7e%2Fenc.mov":                  {},
		"C:a.mov":                           {},
		"me@home/a.mov":                     {},
		":// is no scheme/a.mov":            {},
		"urn/2026-11-29T10:00:00/cam:1.mov": {},
	} {
		kind, below := job.FindAddress(text)
		if got := (found{kind, below}); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

// Whatever stands before the path of an address may be a secret.
func FuzzFindAddress(f *testing.F) {
	f.Add("https://", "user:", "@cdn.example.com/a.mov?sig=", "")
	f.Add("", "user:", "@host/a.mov#", "x")
	f.Fuzz(func(t *testing.T, scheme, before, behind, end string) {
		const secret = "s3cr3t-w0rd"
		if strings.Contains(scheme+before+behind+end, "/") && !strings.HasSuffix(scheme, "://") {
			return // a slash may make the secret a directory
		}
		text := scheme + before + secret + "@" + strings.ReplaceAll(behind, "/", "") + "/a.mov?" + secret + end
		if _, below := job.FindAddress(text); strings.Contains(below, secret) {
			t.Errorf("%q is repeated as %q", text, below)
		}
	})
}
