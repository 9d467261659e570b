package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/job"
)

// library submits three batches of titles and changes some of their jobs: in the first, 1 has failed, 2 has
// succeeded in its second attempt, and 3 is QUEUED.
func library(f *fixture) (films, news, kids job.Batch) {
	f.Helper()
	submit := func(account, name string, at time.Time, labels map[string]string, jobs ...job.Spec) job.Batch {
		b, _, err := f.store.Submit(f.Context(), job.Submission{Batch: job.Batch{AccountID: account, DisplayName: name, Labels: labels}, Jobs: jobs}, at)
		f.ok(err)
		return b
	}
	films = submit("default", "Films", now, map[string]string{"team": "vod"},
		job.Spec{Key: "films/Sintel-2010", InputPath: "masters/sintel.mov", OutputPath: "vod/sintel"},
		job.Spec{Key: "films/agent-327", Name: "Agent 327: Barbershop", InputPath: "masters/a.mov", OutputPath: "vod/a"},
		job.Spec{Key: "films/été", Name: "L'ÉTÉ", InputPath: "masters/x.mov", OutputPath: "vod/x"},
		job.Spec{InputPath: "masters/nameless.mov", OutputPath: "vod/nameless"},
	)
	news = submit("other", "news", now.Add(time.Hour), nil,
		job.Spec{Key: "news/sintel-premiere", InputPath: "n/1.mov", OutputPath: "n/1"},
		job.Spec{Key: "news/weather", InputPath: "n/2.mov", OutputPath: "n/2"},
	)
	kids = submit("default", "kids", now.Add(2*time.Hour), map[string]string{"team": "vod", "brand": "junior"},
		job.Spec{Key: "k_%", InputPath: "100%/a_b.mov", OutputPath: "o/k"},
		job.Spec{Key: "sintel", InputPath: "kids/s.mov", OutputPath: "o/s"},
	)
	f.update(films, 1, append(started, failed)...)
	f.update(films, 2, append(started, failedOnce, begin, accepted, finished)...)
	f.update(films, 3, started...)
	return films, news, kids
}

// found are the positions of jobs as people write them.
func found(jobs []job.FoundJob) []string {
	var list []string
	for i := range jobs {
		list = append(list, fmt.Sprintf("%d/%d", jobs[i].BatchSeq, jobs[i].ID.Number))
	}
	return list
}

func findJobs(f *fixture) {
	films, news, kids := library(f)
	cause := f.job(films, 1).Failure.Cause
	old := f.submit(1, nil)
	f.update(old, 1, cancel)
	f.ok(f.store.DeleteBatch(f.Context(), old.ID, now))
	for _, tt := range []struct {
		name   string
		search job.Search
		want   string
	}{
		{"everything", job.Search{}, "3/2 3/1 2/2 2/1 1/4 1/3 1/2 1/1"},
		{"text in keys and paths", job.Search{Text: "sintel"}, "3/2 2/1 1/1"},
		{"text in upper case", job.Search{Text: "SINTEL-2"}, "1/1"},
		{"text beyond ASCII", job.Search{Text: "Été"}, "1/3"},
		{"text in names", job.Search{Text: "327: barber"}, "1/2"},
		{"text in input paths", job.Search{Text: "nameless.m"}, "1/4"},
		{"text in output paths", job.Search{Text: "vod/"}, "1/4 1/3 1/2 1/1"},
		{"text of signs", job.Search{Text: "%"}, "3/1"},
		{"text over two fields", job.Search{Text: "sintelmasters"}, ""},
		{"text of one character", job.Search{Text: "_"}, "3/1"},
		{"text of nobody", job.Search{Text: "nobody's"}, ""},
		{"text that begins an encoding id", job.Search{Text: encodingOf(job.ID{Batch: films.ID, Number: 3})}, "1/3"},
		{"text and state", job.Search{Text: "sintel", States: []job.State{job.Failed, job.Waiting}}, "3/2 2/1 1/1"},
		{"text and cause", job.Search{Text: "sintel", Causes: []string{cause}}, "1/1"},
		{"text and account", job.Search{Text: "sintel", Accounts: []string{"default"}}, "3/2 1/1"},
		{"text in one batch", job.Search{Text: "sintel", BatchSeq: news.Seq}, "2/1"},
		{"key", job.Search{Keys: []string{"sintel", "news/weather", "nobody's"}}, "3/2 2/2"},
		{"key prefix", job.Search{KeyPrefix: "films/"}, "1/3 1/2 1/1"},
		{"key prefix with signs", job.Search{KeyPrefix: "k_%"}, "3/1"},
		{"key prefix in upper case", job.Search{KeyPrefix: "FILMS"}, ""},
		{"key prefix and state", job.Search{KeyPrefix: "films/", States: []job.State{job.Queued, job.Succeeded}}, "1/3 1/2"},
		{"state", job.Search{States: []job.State{job.Failed}}, "1/1"},
		{"states", job.Search{States: []job.State{job.Queued, job.Failed, job.Waiting}}, "3/2 3/1 2/2 2/1 1/4 1/3 1/1"},
		{"cause", job.Search{Causes: []string{cause, "nobody's"}}, "1/1"},
		{"cause and another state", job.Search{Causes: []string{cause}, States: []job.State{job.Waiting}}, ""},
		{"accounts", job.Search{Accounts: []string{"other", "nobody's"}}, "2/2 2/1"},
		{"labels", job.Search{Labels: map[string]string{"team": "vod", "brand": "junior"}}, "3/2 3/1"},
		{"encoding", job.Search{EncodingID: encodingOf(job.ID{Batch: films.ID, Number: 2})}, "1/2"},
		{"encoding of an earlier attempt", job.Search{EncodingID: encodingOf(job.ID{Batch: films.ID, Number: 1})}, "1/1"},
		{"encoding of nobody", job.Search{EncodingID: "nobody's"}, ""},
		{"created since", job.Search{Created: job.TimeRange{Since: now.Add(time.Hour)}}, "3/2 3/1 2/2 2/1"},
		{"created within", job.Search{Created: job.TimeRange{Since: now.Add(time.Hour), Until: now.Add(2 * time.Hour)}}, "2/2 2/1"},
		{"finished before", job.Search{Finished: job.TimeRange{Until: now.Add(time.Hour)}}, "1/2 1/1"},
		{"finished later", job.Search{Finished: job.TimeRange{Since: now.Add(time.Hour)}}, ""},
		{"changed since", job.Search{Changed: job.TimeRange{Since: now.Add(time.Hour)}, States: []job.State{job.Waiting}}, "3/2 3/1 2/2 2/1"},
		{"changed before", job.Search{Changed: job.TimeRange{Until: now.Add(time.Hour)}}, "1/4 1/3 1/2 1/1"},
		{"one batch", job.Search{BatchSeq: kids.Seq}, "3/2 3/1"},
		{"batch of nobody", job.Search{BatchSeq: 99}, ""},
	} {
		all, err := f.store.FindJobs(f.Context(), tt.search, job.SearchPage{Limit: 100})
		f.ok(err)
		f.same(tt.name, strings.Join(found(all.Jobs), " "), tt.want)
		f.same(tt.name+": no further page", all.Next, job.JobPosition{})
		var paged []string
		for page := (job.SearchPage{Limit: 1}); ; {
			some, err := f.store.FindJobs(f.Context(), tt.search, page)
			f.ok(err)
			if paged = append(paged, found(some.Jobs)...); some.Next == (job.JobPosition{}) {
				break
			}
			page.After = some.Next
		}
		f.same(tt.name+", page by page", strings.Join(paged, " "), tt.want)
	}
	one, err := f.store.FindJobs(f.Context(), job.Search{Text: "barbershop"}, job.SearchPage{Limit: 10})
	f.ok(err)
	f.same("what was found", one.Jobs, []job.FoundJob{{BatchSeq: films.Seq, Job: f.job(films, 2)}})
}

// findManyJobs compares searches in a batch that was submitted in parts of many sizes with its jobs.
func findManyJobs(f *fixture) {
	b := f.submit(0, func(b *job.Batch) { b.Open = true })
	var specs []job.Spec
	for _, size := range append([]int{1, 300, 7, 256, 1, 513}, slices.Repeat([]int{1}, 80)...) {
		var part []job.Spec
		for range size {
			n := len(specs) + 1
			part = append(part, job.Spec{Key: fmt.Sprintf("key-%d", n), InputPath: fmt.Sprintf("in/%d.mov", n), OutputPath: fmt.Sprintf("out/%d", n)})
			specs = append(specs, part[len(part)-1])
		}
		_, _, _, err := f.store.AddJobs(f.Context(), b.ID, part, now)
		f.ok(err)
	}
	f.submit(3, nil)
	for _, text := range []string{"key-1", "7.mov", "key-10", "-"} {
		for _, ascending := range []bool{false, true} {
			var want []int64
			for i, s := range specs {
				if strings.Contains(s.Key+" "+s.InputPath, text) {
					want = append(want, int64(i+1))
				}
			}
			if !ascending {
				slices.Reverse(want)
			}
			for _, limit := range []int{1, 13, 2000} {
				var got []int64
				wanted := want
				if limit == 1 {
					wanted = want[:20]
				}
				for page := (job.SearchPage{Ascending: ascending, Limit: limit}); len(got) < len(wanted); {
					some, err := f.store.FindJobs(f.Context(), job.Search{BatchSeq: b.Seq, Text: text}, page)
					f.ok(err)
					for i := range some.Jobs {
						got = append(got, some.Jobs[i].ID.Number)
					}
					if page.After = some.Next; page.After == (job.JobPosition{}) {
						break
					}
				}
				f.same(fmt.Sprintf("%q, ascending %t, %d a page", text, ascending, limit), got, wanted)
			}
		}
	}
	stopped, err := f.store.FindJobs(f.Context(), job.Search{Text: "key-3"}, job.SearchPage{Limit: 10_000, Until: time.Now().Add(-time.Second)})
	f.ok(err)
	if stopped.Next == (job.JobPosition{}) {
		f.Fatal("the search did not stop")
	}
	rest, err := f.store.FindJobs(f.Context(), job.Search{Text: "key-3"}, job.SearchPage{Limit: 10_000, After: stopped.Next})
	f.ok(err)
	whole, err := f.store.FindJobs(f.Context(), job.Search{Text: "key-3"}, job.SearchPage{Limit: 10_000})
	f.ok(err)
	f.same("a search that had to stop, and its next page", append(found(stopped.Jobs), found(rest.Jobs)...), found(whole.Jobs))
}

// findEndedKeys finds jobs by their keys in batches that have ended, one of which has succeeded although a job of
// it was cancelled.
func findEndedKeys(f *fixture) {
	submit := func(keys ...string) job.Batch {
		var jobs []job.Spec
		for _, key := range keys {
			jobs = append(jobs, job.Spec{Key: key, InputPath: "in/" + key, OutputPath: "out/" + key})
		}
		b, _, err := f.store.Submit(f.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: jobs}, now)
		f.ok(err)
		return b
	}
	succeeded := append(started, running, finished)
	one := submit("films/a", "films/b", "news/c")
	f.update(one, 1, succeeded...)
	f.update(one, 2, cancel)
	f.update(one, 3, succeeded...)
	f.same("state of the batch", f.batch(one.ID).State, job.BatchSucceeded)
	two := submit("films/a", "films/d")
	f.update(two, 1, succeeded...)
	f.update(two, 2, append(started, failed)...)
	three := submit("films/a")
	f.update(three, 1, cancel)
	submit("films/a", "films")
	for _, tt := range []struct {
		name   string
		search job.Search
		want   string
	}{
		{"prefix", job.Search{KeyPrefix: "films/"}, "4/1 3/1 2/2 2/1 1/2 1/1"},
		{"prefix and state", job.Search{KeyPrefix: "films/", States: []job.State{job.Succeeded}}, "2/1 1/1"},
		{"prefix and other states", job.Search{KeyPrefix: "films/", States: []job.State{job.Cancelled, job.Failed}}, "3/1 2/2 1/2"},
		{"prefix of one batch", job.Search{KeyPrefix: "films/", BatchSeq: one.Seq}, "1/2 1/1"},
		{"keys", job.Search{Keys: []string{"films/a", "films/b", "films/a"}}, "4/1 3/1 2/1 1/2 1/1"},
		{"keys and prefix", job.Search{Keys: []string{"films/a", "news/c"}, KeyPrefix: "news"}, "1/3"},
	} {
		var got []string
		for page := (job.SearchPage{Limit: 1}); ; {
			some, err := f.store.FindJobs(f.Context(), tt.search, page)
			f.ok(err)
			if got = append(got, found(some.Jobs)...); some.Next == (job.JobPosition{}) {
				break
			}
			page.After = some.Next
		}
		f.same(tt.name, strings.Join(got, " "), tt.want)
		whole, err := f.store.FindJobs(f.Context(), tt.search, job.SearchPage{Limit: 100})
		f.ok(err)
		f.same(tt.name+", on one page", strings.Join(found(whole.Jobs), " "), tt.want)
	}
}

// findPartsOfEncodings finds jobs by a part of the id of an encoding, also if each page has no time left.
func findPartsOfEncodings(f *fixture) {
	b := f.submit(4, nil)
	for n, id := range []string{"00000000-aaaa-4000-8000-00000000beef", "7f3e1c2d-beef-4000-8000-000000000001", "ffffffff-aaaa-4000-8000-00000000cafe", "BEEF-is-no-UUID"} {
		f.update(b, int64(n+1), func(u *job.Update) error { return u.Configured(id, nil, now) })
	}
	other := f.submit(1, nil)
	f.update(other, 1, func(u *job.Update) error { return u.Configured("0a000000-beef-4000-8000-000000000002", nil, now) })
	for _, tt := range []struct {
		name   string
		search job.Search
		asc    bool
		want   string
	}{
		{"newest first", job.Search{Text: "BEEF"}, false, "2/1 1/2 1/1"},
		{"of one batch, newest first", job.Search{Text: "beef", BatchSeq: b.Seq}, false, "1/2 1/1"},
		{"of one batch, by number", job.Search{Text: "beef", BatchSeq: b.Seq}, true, "1/1 1/2"},
		{"with the dash", job.Search{Text: "d-beef-4"}, false, "1/2"},
		{"at the end", job.Search{Text: "cafe"}, false, "1/3"},
		{"of nobody", job.Search{Text: "dead"}, false, ""},
	} {
		for _, hurry := range []bool{false, true} {
			page := job.SearchPage{Ascending: tt.asc, Limit: 1}
			if hurry {
				page.Until = time.Now().Add(-time.Second)
			}
			var got []string
			for pages := 0; ; pages++ {
				some, err := f.store.FindJobs(f.Context(), tt.search, page)
				f.ok(err)
				got = append(got, found(some.Jobs)...)
				if page.After = some.Next; page.After == (job.JobPosition{}) {
					break
				}
				if pages > 2_000 {
					f.Fatal("the search does not come to its end")
				}
			}
			f.same(fmt.Sprintf("%s, in a hurry %t", tt.name, hurry), strings.Join(got, " "), tt.want)
		}
	}
}

// searchEnds ends the context of a search.
func searchEnds(f *fixture) {
	library(f)
	ctx, cancel := context.WithCancelCause(f.Context())
	over := errors.New("over")
	cancel(over)
	if _, err := f.store.FindJobs(ctx, job.Search{Text: "sintel"}, job.SearchPage{Limit: 1}); !errors.Is(err, over) && !errors.Is(err, context.Canceled) {
		f.Errorf("a search whose context has ended: %v", err)
	}
}

// findBatches lists and counts batches by their names and ids.
func findBatches(f *fixture) {
	films, news, kids := library(f)
	for _, tt := range []struct {
		name   string
		filter job.BatchFilter
		want   []job.Batch
	}{
		{"text", job.BatchFilter{Text: "K"}, []job.Batch{kids}},
		{"text in all", job.BatchFilter{Text: "S"}, []job.Batch{kids, news, films}},
		{"text and account", job.BatchFilter{Text: "s", Accounts: []string{"default"}}, []job.Batch{kids, films}},
		{"text and label", job.BatchFilter{Text: "s", Labels: map[string]string{"brand": "junior"}}, []job.Batch{kids}},
		{"text and state", job.BatchFilter{Text: "s", States: []job.BatchState{job.BatchFailed}}, nil},
		{"name", job.BatchFilter{DisplayName: "Films"}, []job.Batch{films}},
		{"part of a name", job.BatchFilter{DisplayName: "film"}, nil},
		{"prefix of an id", job.BatchFilter{IDPrefix: news.ID[:len(news.ID)-1]}, []job.Batch{news}},
		{"prefix of nobody's id", job.BatchFilter{IDPrefix: "nobody"}, nil},
		{"state", job.BatchFilter{States: []job.BatchState{job.BatchActive, job.BatchPaused}}, []job.Batch{kids, news, films}},
		{"account", job.BatchFilter{Accounts: []string{"other"}}, []job.Batch{news}},
		{"label", job.BatchFilter{Labels: map[string]string{"team": "vod"}}, []job.Batch{kids, films}},
		{"state and label", job.BatchFilter{States: []job.BatchState{job.BatchActive}, Labels: map[string]string{"team": "vod"}}, []job.Batch{kids, films}},
	} {
		var got, want []string
		for page := tt.filter; ; {
			page.Limit = 1
			list, err := f.store.Batches(f.Context(), page)
			f.ok(err)
			if len(list) == 0 {
				break
			}
			got, page.BeforeSeq = append(got, list[0].ID), list[0].Seq
		}
		for _, b := range tt.want {
			want = append(want, b.ID)
		}
		f.same(tt.name, got, want)
		n, err := f.store.CountBatches(f.Context(), tt.filter)
		f.ok(err)
		f.same(tt.name+": count", n, int64(len(want)))
	}
	some, err := f.store.BatchesBySeq(f.Context(), []int64{films.Seq, 99, news.Seq})
	f.ok(err)
	f.same("batches by their numbers", some, []job.Batch{f.batch(news.ID), f.batch(films.ID)})
	none, err := f.store.BatchesBySeq(f.Context(), nil)
	f.ok(err)
	f.same("no batches", none, []job.Batch(nil))
}
