package job

import (
	"fmt"
	"time"
)

// TargetAdvice says that the queue target of an account is too small to keep its encoders busy. The zero
// value means that there is no such advice.
type TargetAdvice struct {
	Target          int           // the queue target
	EncoderCount    int           // how many encodings have run side by side
	CallTime        time.Duration // how long it takes to start an encoding
	AutomaticTarget int           // the target that auto would choose
}

// Given reports whether there is advice.
func (a TargetAdvice) Given() bool { return a.AutomaticTarget > 0 }

// String is the advice in words; empty if there is none.
func (a TargetAdvice) String() string {
	if !a.Given() {
		return ""
	}
	encoders, call := "encoders", fmt.Sprintf("%d ms", a.CallTime.Round(time.Millisecond).Milliseconds())
	if a.EncoderCount == 1 {
		encoders = "encoder"
	}
	switch {
	case a.CallTime >= time.Second:
		call = fmt.Sprintf("%.1f s", a.CallTime.Seconds())
	case a.CallTime >= 20*time.Millisecond:
		call = fmt.Sprintf("%d ms", a.CallTime.Round(10*time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("a queue target of %d cannot keep %d %s busy at %s a call; auto would choose %d", a.Target, a.EncoderCount, encoders, call, a.AutomaticTarget)
}
