package joblist_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/job"
)

func TestRead(t *testing.T) {
	sintel := job.Spec{Key: "sintel", Name: "Sintel", InputPath: "in/sintel.mov", OutputPath: "out/sintel"}
	hero := job.Spec{InputPath: "in/hero.mov"}
	for _, tt := range []struct {
		name    string
		text    string
		options joblist.Options
		want    []job.Spec
		lines   []int
	}{
		{
			name:  "csv",
			text:  "key,name,input_path,output_path\nsintel,Sintel,in/sintel.mov,out/sintel\n,,in/hero.mov,\n",
			want:  []job.Spec{sintel, hero},
			lines: []int{2, 3},
		},
		{
			name:  "csv in any order, with mark, CRLF, spaces and empty lines",
			text:  "\ufeff output_path , input_path,key,name\r\nout/sintel,in/sintel.mov,sintel, Sintel \r\n\r\n,in/hero.mov,,\r\n",
			want:  []job.Spec{sintel, hero},
			lines: []int{2, 4},
		},
		{
			name:  "csv padded by a spreadsheet, in rows and columns",
			text:  ",,,,\nkey,,name,input_path,output_path,\n,,,,,\nsintel,,Sintel,in/sintel.mov,out/sintel,\n \n,,,in/hero.mov,, \n,,,,,\n,,,\n",
			want:  []job.Spec{sintel, hero},
			lines: []int{4, 6},
		},
		{
			name: "csv with quotes, commas and line breaks",
			text: "name,input_path\n\"Steamboat Bill, \"\"Jr.\"\"\",a.mkv\n\"two\nlines\",b.mkv\nlast,c.mkv",
			want: []job.Spec{
				{Name: `Steamboat Bill, "Jr."`, InputPath: "a.mkv"},
				{Name: "two\nlines", InputPath: "b.mkv"},
				{Name: "last", InputPath: "c.mkv"},
			},
			lines: []int{2, 3, 5},
		},
		{
			name: "blanks inside quotes, which are part of a path",
			text: "\ufeffname,input_path,output_path,key\r\n\r\n\"two\nlines\",\"masters/Trailer .mov \", out/t ,k1\r\n" +
				"\"an \"\"ü\"\"\nand more\", \tmasters/lead.mov ,\" out/l\",\" k2 \"\r\n \r\n\n",
			want: []job.Spec{
				{Key: "k1", Name: "two\nlines", InputPath: "masters/Trailer .mov ", OutputPath: "out/t"},
				{Key: " k2 ", Name: "an \"ü\"\nand more", InputPath: "masters/lead.mov", OutputPath: " out/l"},
			},
			lines: []int{3, 5},
		},
		{
			name:  "jobs that overwrite each other or have no input path, which the server judges",
			text:  "input_path,output_path\na.mov,\na.mp4,\nb.mov,a/\n,out\n",
			want:  []job.Spec{{InputPath: "a.mov"}, {InputPath: "a.mp4"}, {InputPath: "b.mov", OutputPath: "a/"}, {OutputPath: "out"}},
			lines: []int{2, 3, 4, 5},
		},
		{
			name:    "one output path for two jobs of a template, which the server judges",
			text:    "key,output_path\na,out\nb,out\n",
			options: joblist.Options{ForTemplate: true},
			want:    []job.Spec{{Key: "a", OutputPath: "out"}, {Key: "b", OutputPath: "out"}},
			lines:   []int{2, 3},
		},
		{
			name:    "csv for a template",
			text:    "key,var:title,var:language\na,Häxan,sv\n",
			options: joblist.Options{ForTemplate: true},
			want:    []job.Spec{{Key: "a", Variables: map[string]string{"title": "Häxan", "language": "sv"}}},
			lines:   []int{2},
		},
		{
			name: "json lines",
			text: "\n" + `{"key": "sintel", "name": "Sintel", "input_path": "in/sintel.mov", "output_path": "out/sintel"}` +
				"\r\n" + `{"input_path": "in/hero.mov", "name": null}`,
			want:  []job.Spec{sintel, hero},
			lines: []int{2, 3},
		},
		{
			name:  "json lines with variables",
			text:  `{"input_path": "a.mov", "var:x": "1", "variables": {"y": "2"}}`,
			want:  []job.Spec{{InputPath: "a.mov", Variables: map[string]string{"x": "1", "y": "2"}}},
			lines: []int{1},
		},
		{
			name:  "variables in capitals, and colons in values",
			text:  `{"Input_Path": "a.mov", "Variables": {"x": "a:b", "X": "c:d"}}`,
			want:  []job.Spec{{InputPath: "a.mov", Variables: map[string]string{"x": "a:b", "X": "c:d"}}},
			lines: []int{1},
		},
		{
			name:  "a comment with quotes",
			text:  "input_path,name\n#old.mov,\"Old\" (2010)\na.mov,A\n",
			want:  []job.Spec{{InputPath: "a.mov", Name: "A"}},
			lines: []int{3},
		},
		{
			name:    "paths that begin like files of another kind",
			text:    "ORCA/a.mov\nPAR1/b.mov\n",
			options: joblist.Options{Format: joblist.Paths},
			want:    []job.Spec{{InputPath: "ORCA/a.mov"}, {InputPath: "PAR1/b.mov"}},
			lines:   []int{1, 2},
		},
		{
			name:  "more lines before the header than one look has",
			text:  strings.Repeat("\n# a comment\n", 20_000) + "input_path\na.mov\n",
			want:  []job.Spec{{InputPath: "a.mov"}},
			lines: []int{40_002},
		},
		{
			name:    "a format that was asked for",
			text:    "input_path\n{brace}.mov\n",
			options: joblist.Options{Format: joblist.CSV},
			want:    []job.Spec{{InputPath: "{brace}.mov"}},
			lines:   []int{2},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := joblist.Read(strings.NewReader(tt.text), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Jobs); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.lines, got.Lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadNamesEveryMistake(t *testing.T) {
	for _, tt := range []struct {
		name    string
		text    string
		options joblist.Options
		want    string
	}{
		{
			name: "several lines at once",
			text: "key,input_path,output_path\n" +
				"a,,out\n" +
				"b,b.mov,out/b\n" +
				"b,c.mov,out/c\n" +
				"d,d.mov,out/b\n" +
				"e,e.mov\n" +
				"f,f\"f.mov,out/f\n" +
				"g,\xe4.mov,out/g\n",
			want: `titles.csv:4: key "b" is also the key of line 3
titles.csv:6: 2 fields, and the header names 3: too few
titles.csv:7: bare " in non-quoted-field; put a field that contains a quote in quotes, and write the quote inside twice
titles.csv:8: input_path: byte 1, 0xE4, is not UTF-8: save the list as "CSV UTF-8", or say which charset it has, with --list-charset`,
		},
		{
			name:    "variables with two values",
			options: joblist.Options{ForTemplate: true},
			text: `{"variables": {"x": "1", "y": ":", "x": "2"}}` + "\n" +
				`{"var:x": "1", "variables": {"x": "2"}}` + "\n" + `{"Variables": {"x": "1"}, "var:x": "2"}`,
			want: `titles.csv:1: variables: "x" appears twice
titles.csv:2: the fields "var:x" and "variables" both have var:x
titles.csv:3: the fields "Variables" and "var:x" are both var:x`,
		},
		{
			name: "a comment whose quote does not end, which may have jobs in it",
			text: "input_path,name\n#,\"old\na.mov,A\nb.mov,\"B\"\n",
			want: `titles.csv:2: extraneous or missing " in quoted-field; write a quote inside a quoted field twice`,
		},
		{
			name: "half a character",
			text: `{"input_path":"a\ud83d","output_path":"out/a"}`,
			want: `titles.csv:1: input_path: "a\ud83d" has one half of a \u surrogate pair; the other half is missing`,
		},
		{
			name: "unknown columns",
			text: "key,inputpath,codec,var:,key\na,b,c,d,e\n",
			want: `titles.csv:1: unknown column "inputpath"; did you mean "input_path"?
titles.csv:1: unknown column "codec"; the columns are key, name, input_path, output_path and var:<name>
titles.csv:1: unknown column "var:"; the columns are key, name, input_path, output_path and var:<name>
titles.csv:1: column "key" appears twice
titles.csv:1: the column input_path is missing`,
		},
		{
			name: "a column without a name",
			text: "input_path,,\na.mov,,out/a\nb.mov,,\n",
			want: `titles.csv:2: field 3, "out/a", is in a column that has no name`,
		},
		{
			name: "no header",
			text: "sintel,in/sintel.mov\n",
			want: `titles.csv:1: this is CSV without a line that names the columns; it begins with "sintel,in/sintel.mov"`,
		},
		{
			name:    "no header, columns by position",
			text:    "sintel,in/sintel.mov\ntears\n1,2,3\n",
			options: joblist.Options{Columns: []joblist.Column{{Theirs: "2", Ours: "input_path"}, {Theirs: "4", Ours: "key"}}},
			want:    `titles.csv:1: --list-columns 4=key: the list has no such column; it has 2`,
		},
		{
			name:    "no header, rows of other lengths",
			text:    "sintel,in/sintel.mov\ntears\n1,2,3\n",
			options: joblist.Options{Columns: []joblist.Column{{Theirs: "2", Ours: "input_path"}}},
			want: `titles.csv:2: 1 field, and the first line has 2: too few
titles.csv:3: 3 fields, and the first line has 2: too many; put a field that contains ',' in quotes`,
		},
		{
			name: "another charset in the header",
			text: "Schl\xfcssel,Pfad\n",
			want: `titles.csv:1: the name of column 1: byte 5, 0xFC, is not UTF-8: save the list as "CSV UTF-8", or say which charset it has, with --list-charset`,
		},
		{name: "empty", text: "\n\n", want: `titles.csv: the list has no jobs`},
		{name: "header only", text: "input_path\n", want: `titles.csv: the list has no jobs`},
		{
			name:    "json lines",
			options: joblist.Options{Format: joblist.JSONL},
			text: `{"input_path": 7}
[1]
{"input_path": "a.mov"
{"input_path": "a.mov", "namee": "A"}
{"input_path": "b.mov", "variables": ["x"]}
{"input_path": "c.mov", "variables": {"x": {}}}
null` + "\n{\"input_path\": \"h\xe4xan.mov\"}\n{\"name\": true}\n{\"name\": \"a}\n" + `{"name": "a", "name": "b"}
{"name": "a", "Name": "b"}
{"input_path": "a.mov", "namee": "again"}
{"name" "a"}
]
[{"name": "a"},
{"name": "b"`,
			want: `titles.csv:1: input_path: want text in quotes, got 7
titles.csv:2: want one JSON object for each job
titles.csv:3: the object that begins here has no } at its end
titles.csv:4: unknown field "namee"; did you mean "name"?
titles.csv:5: variables: want an object of texts, such as {"title": "Sintel"}
titles.csv:6: var:x: want text in quotes, got {}
titles.csv:7: want one JSON object for each job
titles.csv:8: byte 18, 0xE4, is not UTF-8: save the list as "CSV UTF-8", or say which charset it has, with --list-charset
titles.csv:9: name: want text in quotes, got true
titles.csv:10: a text has no quote at its end
titles.csv:11: the field "name" appears twice
titles.csv:12: the fields "Name" and "name" are both name
titles.csv:14: want one JSON object for each job: invalid character '"' after object key
titles.csv:16: the array that begins here has no ] at its end: is the list complete?
titles.csv:17: the object that begins here has no } at its end: is the list complete?`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Name = "titles.csv"
			got, err := joblist.Read(strings.NewReader(tt.text), tt.options)
			if _, ok := errors.AsType[*joblist.Error](err); !ok {
				t.Fatalf("Read = %v, %v, want a *joblist.Error", got, err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadBoundsTheMistakes(t *testing.T) {
	text := "input_path,key\n" + strings.Repeat(",k\n", 2*joblist.MaxMistakes)
	_, err := joblist.Read(strings.NewReader(text), joblist.Options{})
	wrong, ok := errors.AsType[*joblist.Error](err)
	if !ok {
		t.Fatalf("Read: %v", err)
	}
	if len(wrong.Mistakes) != joblist.MaxMistakes || wrong.More != joblist.MaxMistakes-1 {
		t.Errorf("%d mistakes and %d more, want %d and %d", len(wrong.Mistakes), wrong.More, joblist.MaxMistakes, joblist.MaxMistakes-1)
	}
	if want := fmt.Sprintf("list: and %d more mistakes", wrong.More); !strings.HasSuffix(err.Error(), want) {
		t.Errorf("the error does not end with %q", want)
	}
}

func TestReadPassesOnReadErrors(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, start := range []string{"", "input_path\n", `{"input_path":"a"}` + "\n"} {
		in := iotest.DataErrReader(strings.NewReader(start))
		_, err := joblist.Read(&thenFails{in, broken}, joblist.Options{})
		if !errors.Is(err, broken) {
			t.Errorf("Read after %q: %v, want %v", start, err, broken)
		}
	}
}

// thenFails ends with err instead of io.EOF.
type thenFails struct {
	r   interface{ Read([]byte) (int, error) }
	err error
}

func (f *thenFails) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil {
		err = f.err
	}
	return n, err
}

func FuzzRead(f *testing.F) {
	f.Add("key,input_path\na,b\n", "", "", "")
	f.Add("\ufeffinput_path,var:x\r\n\"a\nb\",\"\"\"\"\r\n", "csv", "", "")
	f.Add("sep=;\r#\rKey;File\r#1;a\r", "", "File=input_path", "macintosh")
	f.Add("i\x00n\x00p\x00u\x00t\x00_\x00p\x00a\x00t\x00h\x00\n\x00\x00\xd8", "", "", "")
	f.Add(`{"input_path":"a","variables":{"x":"y"}}`+"\n{}", "jsonl", "", "")
	f.Add("// x\n[{\"name\":\"a\",\n # y\n\"size\":1},{\"input_path\":\"\\u00e9\"}]", "", "name=input_path", "")
	f.Add("2026-01-02 03:04:05  1 a b\nTotal Objects: 1\n", "s3-ls", "", "")
	f.Add("\"b\",\"a+%28\",\"v\",\"true\",\"false\"\n", "s3-inventory", "", "")
	f.Add("a.mov\n# b\n", "paths", "", "")
	f.Fuzz(func(t *testing.T, text, format, columns, charset string) {
		var o joblist.Options
		var errs [3]error
		o.Format, errs[0] = joblist.ParseFormat(format)
		o.Charset, errs[1] = joblist.ParseCharset(charset)
		if columns != "" {
			o.Columns, errs[2] = joblist.ParseColumns(strings.Split(columns, ","))
		}
		if errors.Join(errs[:]...) != nil || strings.HasPrefix(text, "\x1f\x8b") { // gzip has errors of its own
			return
		}
		list, err := joblist.Read(strings.NewReader(text), o)
		if err != nil {
			if wrong, ok := errors.AsType[*joblist.Error](err); !ok || len(wrong.Mistakes) == 0 {
				t.Fatalf("a text in memory failed otherwise than by its mistakes: %v", err)
			}
			return
		}
		if len(list.Jobs) == 0 || len(list.Jobs) != len(list.Lines) {
			t.Fatalf("%d jobs on %d lines", len(list.Jobs), len(list.Lines))
		}
		last := 1
		for i, spec := range list.Jobs {
			if line := list.Lines[i]; line < last || charset == "" && line > 1+strings.Count(text, "\n")+strings.Count(text, "\r") {
				t.Fatalf("job %d on line %d after line %d: %+v", i, line, last, spec)
			}
			last = list.Lines[i]
			for _, value := range []string{spec.Key, spec.Name, spec.InputPath, spec.OutputPath} {
				if !utf8.ValidString(value) {
					t.Fatalf("job %d has %q", i, value)
				}
			}
		}
	})
}
