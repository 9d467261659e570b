package ui

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// EndSheet says how a batch ended, and what its jobs failed of, with the command to act on each cause.
func EndSheet(b *stokerv1.Batch, failures *stokerv1.ListFailuresResponse, l output.Look) string {
	s := output.NewSheet(l)
	s.Title(BatchName(b.GetNumber(), b.GetId()), b.GetDisplayName(), BatchStateValue(b))
	s.Blank()
	s.Paragraph(outcomeWords(b))
	if reason := b.GetStateReason(); reason != "" {
		s.Paragraph(reason)
	}
	s.Blank()
	addCauses(s, b, failures)
	return s.String()
}
