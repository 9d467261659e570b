package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// serveInspection answers GET /simulator/stats, /simulator/encodings and /simulator/ledger
// with [Stats], [Encoding] and [Entry] values as JSON. The ledger takes ?encoding=ID and
// ?since=SEQ, which selects the entries whose seq is higher. These requests need no key,
// meet no rate limit and no fault, and are not in the ledger.
func (s *Simulator) serveInspection(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "only GET is allowed here", http.StatusMethodNotAllowed)
		return
	}
	var result any
	switch r.URL.Path {
	case "/simulator/stats":
		result = s.ReadStats()
	case "/simulator/encodings":
		result = s.Encodings()
	case "/simulator/ledger":
		entries, err := s.selectEntries(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result = entries
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result) // the reader may have left
}

// selectEntries returns the entries that the query of a request selects.
func (s *Simulator) selectEntries(r *http.Request) ([]Entry, error) {
	query := r.URL.Query()
	var since int64
	if text := query.Get("since"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, invalid("since must be a number, not %q", text)
		}
	}
	entries := []Entry{}
	for _, e := range s.Ledger() {
		if e.Seq > since && (!query.Has("encoding") || e.EncodingID == query.Get("encoding")) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}
