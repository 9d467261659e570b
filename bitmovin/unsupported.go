package bitmovin

import (
	"net/http"
	"slices"
)

// unsupported are the statuses that refuse a request as such. Which of them a platform,
// or a gateway before it, answers to a query that it does not take is not documented.
var unsupported = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
	http.StatusGone, http.StatusRequestURITooLong, http.StatusUnprocessableEntity, http.StatusNotImplemented,
}

// Unsupported reports whether a list was refused for what was asked of it: another query
// may be answered. It says so of errors that are something else as well, and means nothing
// where a call has an effect.
func Unsupported(err error) bool {
	return !QueueFull(err) && !QuotaExhausted(err) && slices.Contains(unsupported, statusOf(err))
}
