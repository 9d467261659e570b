package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultPlan injects random faults at fixed rates. Whether the n-th call of a route goes wrong,
// and how, follows from [Simulator.Seed]. The zero value injects none.
type FaultPlan struct {
	Rates []FaultRate
}

// FaultRate is a fault and the share of calls, 0 to 1, that go wrong in this way.
type FaultRate struct {
	Rate  float64
	Fault Fault
}

// faultSalt keeps the choice of faults apart from other random choices of the same seed.
// Another text would choose other calls: runs could no longer be replayed by their seeds.
const faultSalt = "storm"

// faultNames returns the faults that [ParseFaultPlan] knows by a fixed name. The other names
// contain an HTTP status or a time.
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

// ParseFaultPlan reads a plan from the text of a flag. An empty text is the zero plan. One
// number, such as 0.05, is the share of all calls that go wrong: in every way but hanging,
// and half of them after the effect. Otherwise the text is a list of name=rate, such as
//
//	reset=0.01,html502=0.02,504started=0.02,hang=0.01
//
// whose rates add up to at most 1. The names are:
//
//   - 429, reset, truncate-lost, empty-lost and hang, where the call takes no effect;
//   - reset-after, truncate, empty and hang-after, where it takes effect;
//   - hang:10s and hang-after:10s, which hang for that time; the others hang until the
//     client leaves;
//   - 8001, 8002 and 8005 to 8007: a 403 with the code of a used-up quota, without effect;
//   - html or json followed by a status from 500 to 599, without effect;
//   - a status from 500 to 599 followed by started: json with that status, with effect.
func ParseFaultPlan(text string) (FaultPlan, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return FaultPlan{}, nil
	}
	if rate, err := strconv.ParseFloat(text, 64); err == nil {
		return evenPlan(rate)
	}
	var plan FaultPlan
	for part := range strings.SplitSeq(text, ",") {
		name, rateText, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return FaultPlan{}, fmt.Errorf("parse fault plan: %q is not name=rate", part)
		}
		fault, err := parseFault(name)
		if err != nil {
			return FaultPlan{}, fmt.Errorf("parse fault plan: %w", err)
		}
		rate, err := strconv.ParseFloat(rateText, 64)
		if err != nil {
			return FaultPlan{}, fmt.Errorf("parse fault plan: rate of %s: %q is not a number", name, rateText)
		}
		plan.Rates = append(plan.Rates, FaultRate{rate, fault})
	}
	return plan, plan.check()
}

// evenPlan divides a rate evenly among faults.
func evenPlan(rate float64) (FaultPlan, error) {
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
	var plan FaultPlan
	for _, fault := range faults {
		plan.Rates = append(plan.Rates, FaultRate{rate / float64(len(faults)), fault})
	}
	return plan, plan.check()
}

func parseFault(name string) (Fault, error) {
	if hang, delayText, ok := strings.Cut(name, ":"); ok && (hang == "hang" || hang == "hang-after") {
		delay, err := time.ParseDuration(delayText)
		if err != nil || delay <= 0 {
			return Fault{}, fmt.Errorf("%q: %q is not a positive duration such as 10s", name, delayText)
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

// check returns an error if a rate is not between 0 and 1, or if the rates add up to more than
// 1.
func (p FaultPlan) check() error {
	sum := 0.0
	for _, r := range p.Rates {
		if !(r.Rate >= 0 && r.Rate <= 1) {
			return fmt.Errorf("parse fault plan: rate %v is not between 0 and 1", r.Rate)
		}
		sum += r.Rate
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("parse fault plan: rates add up to %v, more than 1", sum)
	}
	return nil
}

// pick returns the fault for a random number in [0,1), the zero Fault if the number lies beyond
// the rates.
func (p FaultPlan) pick(chance float64) Fault {
	for _, r := range p.Rates {
		if chance < r.Rate {
			return r.Fault
		}
		chance -= r.Rate
	}
	return Fault{}
}
