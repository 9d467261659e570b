package dispatcher

// evidence is what one way of asking the platform proves about the presence of an encoding.
type evidence int

const (
	evidenceNone    evidence = iota // there is no answer, or no credible one
	evidencePresent                 // the answer shows the encoding
	evidenceAbsent                  // the answer would show it if it were there
)

// combineEvidence decides about an encoding when its status, a walk of the whole list and a
// search say different things. The encoding is present if any of them shows it. It is absent
// only if the platform does not know its status and the complete list lacks it. A search that
// shows nothing proves nothing: its index may be behind, or the query misunderstood. For an
// encoding whose id is not known, the status counts as absent.
func combineEvidence(status, list, search evidence) evidence {
	switch {
	case status == evidencePresent, list == evidencePresent, search == evidencePresent:
		return evidencePresent
	case status == evidenceAbsent && list == evidenceAbsent:
		return evidenceAbsent
	}
	return evidenceNone
}
