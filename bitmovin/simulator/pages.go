package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// servePages answers GET /simulator/stats, /simulator/encodings and
// /simulator/ledger with [Stats], [Encoding] and [Entry] values as JSON. The
// ledger takes ?encoding=ID and ?since=SEQ (entries after that number). These
// pages need no key and are neither limited, disturbed nor recorded.
func (s *Simulator) servePages(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "only GET is possible here", http.StatusMethodNotAllowed)
		return
	}
	var page any
	switch r.URL.Path {
	case "/simulator/stats":
		page = s.Stats()
	case "/simulator/encodings":
		page = s.Encodings()
	case "/simulator/ledger":
		entries, err := s.ledgerPage(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		page = entries
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(page) // the reader may have left
}

func (s *Simulator) ledgerPage(r *http.Request) ([]Entry, error) {
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
