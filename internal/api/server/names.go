package server

import (
	"context"
	"io"
	"net/http"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

// handleNames adds the routes of a backend that knows names.
func handleNames(m *http.ServeMux, n api.Names) {
	m.Handle(protocol.NameList, askAbout(n.NameList))
	m.Handle(protocol.NameAnchors, askAbout(n.NameAnchors))
	m.Handle(protocol.NameZone, stream(plain(n.NameZone)))
	m.Handle(protocol.NameChange, stream(nameChange(n)))
	m.Handle(protocol.NameResolve, stream(plain(n.NameResolve)))
	m.Handle(protocol.NameStatus, stream(plain(n.NameStatus)))
	m.Handle(protocol.NameRegister, stream(plain(n.NameRegister)))
}

// masterBytesMax bounds a master file: 100,000 names and more.
const masterBytesMax = 64 << 20

// nameChange takes a master file as the body of an import.
func nameChange(n api.Names) work {
	return func(ctx context.Context, r *http.Request, body io.Reader, _ *events) (any, error) {
		var q api.NameChangeRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return nil, err
		}
		if q.Op == "import" {
			b, err := io.ReadAll(io.LimitReader(body, masterBytesMax+1))
			if err != nil {
				return nil, err
			}
			if len(b) > masterBytesMax {
				return nil, errs.Newf("import zone", q.Name, errs.Usage, "the master file has more than %d MiB", masterBytesMax>>20)
			}
			q.Data = []string{string(b)}
		}
		return n.NameChange(ctx, q)
	}
}
