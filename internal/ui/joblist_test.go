package ui_test

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

// The next program gets paths and keys as they are. A spreadsheet gets them as text.
func TestFormulasInCSV(t *testing.T) {
	for value, cell := range map[string]string{
		`=HYPERLINK("https://example.com";"x")`: `'=HYPERLINK("https://example.com";"x")`,
		"+1":                                    "'+1", "-1": "'-1", "@sum(a)": "'@sum(a)", " =1": "' =1", "\u00a0@a": "'\u00a0@a", "＝1": "'＝1",
		"": "", "a=b": "a=b", "'=1": "'=1", "é-1": "é-1", "#1": "#1", " x": " x",
	} {
		plain := written(t, ui.NewJobCSV, &stokerv1.Job{Id: "b/1", Key: value, InputPath: value})
		if strings.HasPrefix(plain, "\ufeff") {
			t.Error("plain CSV begins with a byte order mark")
		}
		sheet, marked := strings.CutPrefix(written(t, ui.NewSpreadsheetCSV, &stokerv1.Job{Id: "b/1", Key: value, InputPath: value}), "\ufeff")
		if !marked {
			t.Error("CSV for a spreadsheet lacks the byte order mark")
		}
		for text, want := range map[string]string{plain: value, sheet: cell} {
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil || len(rows) != 2 || rows[1][1] != want || rows[1][8] != want {
				t.Errorf("%q is written as %q, %v; want %q", value, text, err, want)
			}
		}
	}
}

func TestSecondsInCSV(t *testing.T) {
	begin := time.UnixMilli(1_764_000_000_123)
	for d, want := range map[time.Duration]string{
		3704 * time.Millisecond: "3.704", 0: "0", time.Hour: "3600", 100 * time.Millisecond: "0.1",
		123456*time.Hour + 7*time.Millisecond: "444441600.007", 2*time.Second + 999_600*time.Microsecond: "3", -time.Second: "0",
	} {
		text := written(t, ui.NewJobCSV, &stokerv1.Job{Id: "b/1", RunningTime: timestamppb.New(begin), FinishTime: timestamppb.New(begin.Add(d))})
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || rows[1][17] != want {
			t.Errorf("%v is written as %q, %v; want %q", d, rows[1][17], err, want)
		}
	}
}

// written is CSV with one job.
func written(t *testing.T, writer func(io.Writer, ui.Storages) (ui.JobWriter, error), j *stokerv1.Job) string {
	t.Helper()
	var text strings.Builder
	w, err := writer(&text, ui.Storages{})
	if err == nil {
		err = w.Add(j)
	}
	if err == nil {
		err = w.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
