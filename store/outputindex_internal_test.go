package store

import "testing"

// What is kept has a bound, and what was let go of is read again.
func TestOutputsHaveABound(t *testing.T) {
	o := newOutputIndex()
	o.keep(1, &batchOutputs{list: make([]output, maxOutputs)})
	o.keep(2, &batchOutputs{list: make([]output, 1)})
	if o.has(1) || !o.has(2) {
		t.Errorf("kept of the large batch %t, of the one that is added to %t; want false and true", o.has(1), o.has(2))
	}
}
