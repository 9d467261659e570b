package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/stokerd/stoker/internal/plan"
	"github.com/stokerd/stoker/internal/ui"
)

// outcomeTable is an outcome as a table, for people.
func outcomeTable(o plan.Outcome) *ui.Table {
	t := &ui.Table{Header: []string{"MEASURE", "VALUE"}}
	t.AddRow("makespan", ui.FormatDuration(o.Makespan.Likely))
	if o.Simulated < o.Jobs {
		t.AddRow("makespan, range", ui.FormatDuration(o.Makespan.Earliest)+" to "+ui.FormatDuration(o.Makespan.Latest))
	}
	t.AddRow("bound", ui.FormatDuration(o.Bound))
	t.AddRow("makespan over bound", fmt.Sprintf("%.3f", float64(o.Makespan.Likely)/float64(o.Bound)))
	t.AddRow("encoders busy", fmt.Sprintf("%.1f %%", 100*o.Busy))
	t.AddRow("idle while jobs wait", fmt.Sprintf("%.1f %%", 100*o.Idle))
	t.AddRow("calls a job", fmt.Sprintf("%.1f", o.Calls))
	t.AddRow("calls", fmt.Sprintf("%.0f", o.Calls*float64(o.Jobs)))
	t.AddRow("calls refused with 429", strconv.Itoa(o.Throttled))
	if o.Retried > 0 || o.Failed > 0 {
		t.AddRow("retries", strconv.Itoa(o.Retried))
		t.AddRow("failed for good", strconv.Itoa(o.Failed))
	}
	return t
}

// printOutcome prints an outcome as JSON, with times in seconds and shares from 0 to 1.
func (c *cli) printOutcome(o plan.Outcome) error {
	text, err := json.MarshalIndent(struct {
		Jobs      int     `json:"jobs"`
		Simulated int     `json:"simulated"`
		Makespan  float64 `json:"makespan_seconds"`
		Earliest  float64 `json:"earliest_seconds"`
		Latest    float64 `json:"latest_seconds"`
		Bound     float64 `json:"bound_seconds"`
		Busy      float64 `json:"busy_share"`
		Idle      float64 `json:"idle_while_waiting_share"`
		Calls     float64 `json:"calls_per_job"`
		Waited    int     `json:"rate_limited_calls"`
		Retried   int     `json:"retries"`
		Failed    int     `json:"failed"`
		Advice    string  `json:"queue_target_advice,omitempty"`
	}{
		o.Jobs, o.Simulated, ui.Seconds(o.Makespan.Likely), ui.Seconds(o.Makespan.Earliest), ui.Seconds(o.Makespan.Latest),
		ui.Seconds(o.Bound), rounded(o.Busy), rounded(o.Idle), rounded(o.Calls), o.Throttled, o.Retried, o.Failed, o.Advice.String(),
	}, "", "  ")
	if err != nil {
		return err
	}
	_, err = c.stdout.Write(append(text, '\n'))
	return err
}

// rounded is a number with four digits behind the point: the others are noise.
func rounded(x float64) float64 { return math.Round(x*10_000) / 10_000 }
