package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf16"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// The routes: method and path.
const (
	Status   = "GET /v1/status"
	Peers    = "GET /v1/peers"
	Doctor   = "GET /v1/doctor"
	Invite   = "GET /v1/invite"
	Identity = "GET /v1/id"
	Stat     = "GET /v1/entry"
	Log      = "GET /v1/log"
	List     = "GET /v1/entries"
	Open     = "GET /v1/file"
	Walk     = "GET /v1/tree"
	Ring     = "GET /v1/ring"
	Replace  = "POST /v1/ring/member"
	Lost     = "GET /v1/ring/lost"
	Recover  = "POST /v1/ring"
	Init     = "POST /v1/volume"
	Mkdir    = "POST /v1/dir"
	Check    = "POST /v1/check"
	Put      = "PUT /v1/file"
	PutTree  = "PUT /v1/tree"
	Append   = "POST /v1/file"
	Remove   = "DELETE /v1/entry"
	Move     = "POST /v1/move"
	Copy     = "POST /v1/copy"
	Restore  = "POST /v1/restore"
	Diff     = "POST /v1/diff"
	Share    = "POST /v1/share"
	Revoke   = "POST /v1/revoke"
	Writers  = "GET /v1/writers"
	Volumes  = "GET /v1/volumes"
	Add      = "POST /v1/volumes"
	Change   = "PATCH /v1/volumes"
	Export   = "POST /v1/keys"
	Import   = "PUT /v1/keys"
	Plan     = "GET /v1/plan"
	Prune    = "POST /v1/prune"
	Collect  = "POST /v1/collect"
	Quota    = "GET /v1/quota"

	DeleteVolume = "DELETE /v1/volume"
	Retain       = "POST /v1/volume/retention"

	CheckStore = "POST /v1/store/check"
	Leave      = "POST /v1/store/leave"
	Deny       = "POST /v1/store/denials"
	Allow      = "DELETE /v1/store/denials"
	Denials    = "GET /v1/store/denials"

	Watch = "GET /v1/watch"
	Proof = "GET /v1/proof"

	Pending        = "GET /v1/pending"
	PendingContent = "GET /v1/pending/content"
	DropPending    = "DELETE /v1/pending"
)

// Headers and trailers. Values are JSON in ASCII, but for Timeout and End.
const (
	HeaderTimeout = "Atoll-Timeout" // request: Go duration without progress after which to give up; 0: never
	HeaderEntry   = "Atoll-Entry"   // answer to Open: the entry
	HeaderNote    = "Atoll-Note"    // answer, header or trailer, repeated: notes for the user
	TrailerError  = "Atoll-Error"   // answer with content: what failed in its middle
	TrailerEnd    = "Atoll-End"     // answer with content: how many bytes it had; without it the content is not whole
)

// QueryBytesMax is the most bytes of a request's parameters in JSON.
const QueryBytesMax = 128 << 10

// HeaderBytesMax bounds the head of a request or an answer: the parameters
// percent-encoded, and the rest.
const HeaderBytesMax = 3*QueryBytesMax + 64<<10

// NotesMax is the most notes that one answer carries in its head.
const NotesMax = 32

// NewRequest returns the request for a route with its parameters.
func NewRequest(route string, query any, body io.Reader) (*http.Request, error) {
	method, path, _ := strings.Cut(route, " ")
	u := url.URL{Scheme: "http", Host: "peerd", Path: path}
	if query != nil {
		b, err := json.Marshal(query)
		if err != nil {
			return nil, err
		}
		if len(b) > QueryBytesMax {
			return nil, errs.Newf("ask peerd", path, errs.Usage, "the request has %d bytes of parameters, %d are allowed", len(b), QueryBytesMax)
		}
		u.RawQuery = url.Values{"q": {string(b)}}.Encode()
	}
	return http.NewRequest(method, u.String(), body)
}

// ParseQuery parses a request's parameters. Unknown ones are refused: a daemon
// that does not know what was asked for must not do something else.
func ParseQuery(r *http.Request, into any) error {
	q := r.URL.Query().Get("q")
	if len(q) > QueryBytesMax {
		return errs.Newf("read request", "", errs.Usage, "more than %d bytes of parameters", QueryBytesMax)
	}
	d := json.NewDecoder(strings.NewReader(q))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errs.New("read request", "", errs.Usage, fmt.Errorf("parameters: %w", err))
	}
	if _, err := d.Token(); err != io.EOF {
		return errs.Newf("read request", "", errs.Usage, "parameters: more than one value")
	}
	return nil
}

// HeaderValue returns v as JSON in ASCII, fit for a header.
func HeaderValue(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case r < 0x7f:
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	return out.String(), nil
}

// Failure is the body of an answer that says what failed.
type Failure struct {
	Error *api.Error `json:"error"`
}

// Event is one line of an answer that is a stream of events. The last one, and
// no other, has a Result or an Error; a stream without it was cut off.
type Event struct {
	Progress *api.Progress   `json:"progress,omitempty"`
	Note     string          `json:"note,omitempty"`
	Entry    *api.Entry      `json:"entry,omitempty"`
	Version  *api.LogVersion `json:"version,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *api.Error      `json:"error,omitempty"`
}

// StatusCode returns the HTTP status of an answer that says what failed.
func StatusCode(k errs.Kind) int {
	switch k {
	case errs.Usage:
		return http.StatusBadRequest
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Refused:
		return http.StatusForbidden
	case errs.Conflict:
		return http.StatusPreconditionFailed
	case errs.NoQuorum, errs.TooFew, errs.NoDaemon, errs.Interrupted:
		return http.StatusServiceUnavailable
	case errs.Full:
		return http.StatusInsufficientStorage
	case errs.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
