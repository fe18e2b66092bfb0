package protocol

// The routes of names.
const (
	NameZone     = "POST /v1/name/zone"
	NameChange   = "POST /v1/name"
	NameList     = "GET /v1/names"
	NameResolve  = "POST /v1/name/resolve"
	NameStatus   = "POST /v1/name/status"
	NameAnchors  = "GET /v1/name/anchors"
	NameRegister = "POST /v1/name/register"
)
