package main

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/plan"
)

// outcomeLines are an outcome for people, a measure on each line.
func outcomeLines(o plan.Outcome) [][2]string {
	lines := [][2]string{{"makespan", output.Duration(o.Makespan.Likely)}}
	add := func(measure, value string) { lines = append(lines, [2]string{measure, value}) }
	if o.Simulated < o.Jobs {
		add("makespan, range", output.Duration(o.Makespan.Earliest)+" to "+output.Duration(o.Makespan.Latest))
	}
	add("bound", output.Duration(o.Bound))
	add("makespan over bound", fmt.Sprintf("%.3f", float64(o.Makespan.Likely)/float64(o.Bound)))
	add("encoders busy", output.ExactPercent(100*o.Busy))
	add("idle while jobs wait", output.ExactPercent(100*o.Idle))
	add("calls a job", fmt.Sprintf("%.1f", o.Calls))
	add("calls", output.Number(int64(math.Round(o.Calls*float64(o.Jobs)))))
	add("calls refused with 429", output.Number(o.Throttled))
	if o.Retried > 0 || o.Failed > 0 {
		add("retries", output.Number(o.Retried))
		add("failed for good", output.Number(o.Failed))
	}
	return lines
}

// printOutcome prints an outcome for programs, with times in seconds and shares from 0 to 1.
func printOutcome(c *cli, o plan.Outcome) error {
	line, err := json.Marshal(struct {
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
		o.Jobs, o.Simulated, output.Seconds(o.Makespan.Likely), output.Seconds(o.Makespan.Earliest), output.Seconds(o.Makespan.Latest),
		output.Seconds(o.Bound), rounded(o.Busy), rounded(o.Idle), rounded(o.Calls), o.Throttled, o.Retried, o.Failed, o.Advice.String(),
	})
	if err != nil {
		return err
	}
	return output.WriteDocument(c.stdout, c.out, line)
}

// rounded is a number with four digits behind the point: the others are noise.
func rounded(x float64) float64 { return math.Round(x*10_000) / 10_000 }
