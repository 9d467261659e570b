package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultPlan is random faults at fixed rates. Whether the n-th call on a route is
// hit, and by what, follows from [Simulator.Seed]. The zero value is calm.
type FaultPlan struct {
	Rates []FaultRate
}

// FaultRate is one kind of fault and the share of calls, 0 to 1, that it hits.
type FaultRate struct {
	Rate  float64
	Fault Fault
}

// faultNames are the faults that [ParseFaultPlan] knows, besides those that begin
// with an HTTP status.
func faultNames() map[string]Fault {
	quota := func(code int) Fault { return Fault{Kind: JSONFault, Status: http.StatusForbidden, Code: code} }
	return map[string]Fault{
		"8001":          quota(CodeMinutes),
		"8002":          quota(CodeBytes),
		"8005":          quota(CodeQuota5),
		"8006":          quota(CodeQuota6),
		"8007":          quota(CodeQuota7),
		"429":           {Kind: RateLimitFault},
		"reset":         {Kind: ResetFault},
		"reset-after":   {Kind: ResetFault, After: true},
		"truncate":      {Kind: TruncateFault, After: true},
		"truncate-lost": {Kind: TruncateFault},
		"empty":         {Kind: EmptyFault, After: true},
		"empty-lost":    {Kind: EmptyFault},
		"hang":          {Kind: HangFault},
		"hang-after":    {Kind: HangFault, After: true},
	}
}

// ParseFaultPlan reads a storm from a flag. Either one number, such as 0.05: that
// share of all calls goes wrong, in every way but hanging, half of them after
// the effect. Or a list of name=rate, such as
//
//	reset=0.01,html502=0.02,504started=0.02,hang=0.01
//
// with the names 429, reset, reset-after, truncate, truncate-lost, empty,
// empty-lost, hang and hang-after (the call takes effect with truncate, empty
// and -after, and does not with the others; a hang lasts until the client
// leaves, or as long as hang:10s says), 8001, 8002 and 8005 to 8007 for a 403 with
// the code of a used-up quota, html or json followed by a status from
// 500 to 599, and NNNstarted, which is json with that status after the effect.
// An empty text is calm. Rates add up to at most 1.
func ParseFaultPlan(text string) (FaultPlan, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return FaultPlan{}, nil
	}
	if rate, err := strconv.ParseFloat(text, 64); err == nil {
		return evenStorm(rate)
	}
	var storm FaultPlan
	for part := range strings.SplitSeq(text, ",") {
		name, rateText, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return FaultPlan{}, fmt.Errorf("parse storm: %q is not name=rate", part)
		}
		fault, err := parseGust(name)
		if err != nil {
			return FaultPlan{}, fmt.Errorf("parse storm: %w", err)
		}
		rate, err := strconv.ParseFloat(rateText, 64)
		if err != nil {
			return FaultPlan{}, fmt.Errorf("parse storm: rate of %s: %q is not a number", name, rateText)
		}
		storm.Rates = append(storm.Rates, FaultRate{rate, fault})
	}
	return storm, storm.check()
}

func evenStorm(rate float64) (FaultPlan, error) {
	faults := []Fault{
		{Kind: RateLimitFault},
		{Kind: JSONFault, Status: 500},
		{Kind: HTMLFault, Status: 502},
		{Kind: HTMLFault, Status: 503},
		{Kind: ResetFault},
		{Kind: HTMLFault, Status: 504, After: true},
		{Kind: JSONFault, Status: 504, After: true},
		{Kind: ResetFault, After: true},
		{Kind: TruncateFault, After: true},
		{Kind: EmptyFault, After: true},
	}
	var storm FaultPlan
	for _, fault := range faults {
		storm.Rates = append(storm.Rates, FaultRate{rate / float64(len(faults)), fault})
	}
	return storm, storm.check()
}

func parseGust(name string) (Fault, error) {
	if hang, delayText, ok := strings.Cut(name, ":"); ok && (hang == "hang" || hang == "hang-after") {
		delay, err := time.ParseDuration(delayText)
		if err != nil || delay <= 0 {
			return Fault{}, fmt.Errorf("%q: %q is not a time to hang", name, delayText)
		}
		return Fault{Kind: HangFault, After: hang == "hang-after", Delay: delay}, nil
	}
	if fault, ok := faultNames()[name]; ok {
		return fault, nil
	}
	for _, form := range []struct {
		prefix, suffix string
		fault          Fault
	}{
		{"html", "", Fault{Kind: HTMLFault}},
		{"json", "", Fault{Kind: JSONFault}},
		{"", "started", Fault{Kind: JSONFault, After: true}},
	} {
		rest, hasPrefix := strings.CutPrefix(name, form.prefix)
		number, hasSuffix := strings.CutSuffix(rest, form.suffix)
		status, err := strconv.Atoi(number)
		if hasPrefix && hasSuffix && err == nil && status >= 500 && status <= 599 {
			form.fault.Status = status
			return form.fault, nil
		}
	}
	return Fault{}, fmt.Errorf("unknown fault %q", name)
}

func (s FaultPlan) check() error {
	sum := 0.0
	for _, g := range s.Rates {
		if !(g.Rate >= 0 && g.Rate <= 1) {
			return fmt.Errorf("parse storm: rate %v is not between 0 and 1", g.Rate)
		}
		sum += g.Rate
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("parse storm: rates add up to %v, more than 1", sum)
	}
	return nil
}

// pick picks the fault for a number in [0,1).
func (s FaultPlan) pick(chance float64) Fault {
	for _, g := range s.Rates {
		if chance < g.Rate {
			return g.Fault
		}
		chance -= g.Rate
	}
	return Fault{}
}
