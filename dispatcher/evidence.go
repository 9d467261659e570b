package dispatcher

// evidence is what one way of asking proves about the presence of an encoding.
type evidence int

const (
	evidenceNone    evidence = iota // there is no answer, or no credible one
	evidencePresent                 // the answer shows the encoding
	evidenceAbsent                  // the answer would show it if it were there
)

// combineEvidence decides about an encoding when its status, a walk of the whole list and a
// search say different things. It is present if any of them shows it. It is absent only if
// its status is not known and the complete list lacks it. A search that shows nothing proves
// nothing, since it may be behind or misunderstood. For an encoding whose id is not known, the
// status counts as absent.
func combineEvidence(status, list, search evidence) evidence {
	switch {
	case status == evidencePresent, list == evidencePresent, search == evidencePresent:
		return evidencePresent
	case status == evidenceAbsent && list == evidenceAbsent:
		return evidenceAbsent
	}
	return evidenceNone
}
