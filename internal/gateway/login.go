package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	// loginCookie keeps the token of somebody who uses the page. By its prefix a browser takes it only over
	// TLS or from this machine, and sends it to this host alone. No script can read it.
	loginCookie = "__Host-stoker"
	// loginTime is how long a login lasts.
	loginTime = 12 * time.Hour
	// maxToken is the length of the largest token that a cookie has room for.
	maxToken = 3800
	// whoAmI tells whether a token is valid, and whose it is.
	whoAmI = "/stoker.v1.AccessService/WhoAmI"
)

// withLogin serves POST /login and POST /logout. It turns the cookie of a login into the header by which
// callers prove who they are, before anything else sees the request. A header that is there counts more.
func withLogin(calls, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie(loginCookie); err == nil && r.Header.Get("Authorization") == "" && isToken(cookie.Value) {
			r.Header.Set("Authorization", "Bearer "+cookie.Value)
		}
		r.Header.Del("Cookie") // what remains is of no use to the calls
		switch r.URL.Path {
		case "/login":
			logIn(w, r, calls)
		case "/logout":
			logOut(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// logIn answers {"token": "..."} with who the token is of, as WhoAmI does, and has the browser keep the token.
func logIn(w http.ResponseWriter, r *http.Request, calls http.Handler) {
	if !isPost(w, r) {
		return
	}
	var request struct {
		Token string `json:"token"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 2*maxToken))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		writeError(w, http.StatusBadRequest, connect.CodeInvalidArgument, `want {"token": "..."}`)
		return
	}
	token := strings.TrimSpace(request.Token) // as it was pasted
	switch {
	case len(token) > maxToken:
		writeError(w, http.StatusBadRequest, connect.CodeInvalidArgument, "the token is too long for a cookie: use one that stoker token create has made")
		return
	case !isToken(token):
		writeError(w, http.StatusUnauthorized, connect.CodeUnauthenticated, "this is not a token")
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer := whoCalls(calls, r)
	if answer.status == http.StatusOK {
		http.SetCookie(w, newLoginCookie(token, loginTime))
	}
	answer.copyTo(w)
}

// whoCalls calls WhoAmI with the proof of a request.
func whoCalls(calls http.Handler, r *http.Request) *keptAnswer {
	call := r.Clone(r.Context())
	call.URL.Path, call.RequestURI = whoAmI, whoAmI
	for name := range call.Header {
		if strings.HasPrefix(name, "Grpc-") || strings.HasPrefix(name, "Connect-") { // how the message of the request is sent
			call.Header.Del(name)
		}
	}
	call.Header.Set("Content-Type", jsonType)
	call.Header.Del("Content-Encoding")
	call.Header.Del("Accept-Encoding")
	call.Body, call.ContentLength, call.TransferEncoding = io.NopCloser(strings.NewReader("{}")), 2, nil
	answer := &keptAnswer{header: http.Header{}}
	calls.ServeHTTP(answer, call)
	return answer
}

// logOut has the browser forget the token. The token itself stays valid.
func logOut(w http.ResponseWriter, r *http.Request) {
	if !isPost(w, r) {
		return
	}
	http.SetCookie(w, newLoginCookie("", -time.Second))
	w.WriteHeader(http.StatusNoContent)
}

func isPost(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodPost {
		return true
	}
	w.Header().Set("Allow", http.MethodPost)
	writeError(w, http.StatusMethodNotAllowed, connect.CodeUnimplemented, "want POST")
	return false
}

func newLoginCookie(token string, lifetime time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: loginCookie, Value: token, Path: "/", MaxAge: int(lifetime.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// isToken reports whether a text can be a token: one of this server, or a signed one of an issuer.
func isToken(text string) bool {
	for _, c := range text {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("._-~+/=", c) {
			return false
		}
	}
	return text != ""
}

// keptAnswer keeps the answer of a call.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// copyTo answers a request with it.
func (a *keptAnswer) copyTo(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.header.Get("Content-Type"))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client may have hung up
}

// failure is the error of a call that was answered with one.
func (a *keptAnswer) failure() *connect.Error {
	var said struct {
		Code    connect.Code
		Message string
		Details []struct{ Type, Value string }
	}
	if err := json.Unmarshal(a.body.Bytes(), &said); err != nil || said.Code == 0 {
		return connect.NewError(connect.CodeUnavailable, errors.New("it was not found out who calls"))
	}
	failure := connect.NewError(said.Code, errors.New(said.Message))
	for _, d := range said.Details {
		value, err := base64.RawStdEncoding.DecodeString(d.Value)
		detail, wrong := connect.NewErrorDetail(&anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type, Value: value})
		if err == nil && wrong == nil {
			failure.AddDetail(detail)
		}
	}
	return failure
}

func (a *keptAnswer) Header() http.Header { return a.header }

func (a *keptAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *keptAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush does nothing: the answer is complete when the call has ended.
func (a *keptAnswer) Flush() {}
