package archtest

import "strings"

const module = "github.com/atollnet/atoll"

// What a rule may forbid that is not ours.
const (
	libp2p = "github.com/libp2p/go-libp2p"
	badger = "github.com/dgraph-io/badger"
)

// rule says what some packages may import. A name stands for the package and,
// if it ends in "/...", for everything below it too. Names that begin with a
// folder of this module are ours, and written without it.
type rule struct {
	packages []string
	// ours, if not nil, is all that the packages may reach of this module,
	// through any chain of imports, beside themselves.
	ours []string
	// never is what they may not reach through any chain of imports.
	never []string
	// notDirectly is what their own files may not import. It serves for the
	// standard library, where chains lead everywhere.
	notDirectly []string
	why         string
}

// impure is what a package with no clock, no randomness and no input or output
// does not import.
var impure = []string{"time", "net/...", "os/...", "math/rand/...", "crypto/rand", "syscall", "io/ioutil", "path/filepath"}

var rules = []rule{
	{
		packages:    []string{"internal/wire"},
		ours:        []string{},
		notDirectly: impure,
		why:         "everything is built on it, the pure packages too",
	},
	{
		packages: []string{"internal/errs"},
		ours:     []string{},
		why:      "everything is built on it",
	},
	{
		packages: []string{"internal/frame"},
		ours:     []string{"internal/wire"},
		why:      "it cuts messages and knows none",
	},
	{
		packages: []string{"objects/tree", "objects/update", "objects/extent", "objects/envelope", "objects/plan", "objects/cut"},
		never:    []string{libp2p + "/...", badger + "/...", "dht/...", "node/...", "internal/kv/...", "internal/p2p/..."},
		why:      "formats and decisions are tested without a network or a disk",
	},
	{
		packages:    []string{"objects/tree", "objects/update", "objects/plan", "objects/custody"},
		notDirectly: impure,
		why:         "every member of a ring computes them alike",
	},
	{
		packages: []string{"bft"},
		ours:     []string{"internal/wire"},
		why:      "the core of the agreement is read and tested alone",
	},
	{
		packages:    []string{"bft"},
		notDirectly: impure,
		why:         "the same inputs give the same effects",
	},
	{
		packages: []string{"naming"},
		never:    []string{"bft/..."},
		why:      "names are signed by their zones, not ordered by rings",
	},
	{
		packages: []string{"objects"},
		never:    []string{"objects/custody/..."},
		why:      "storing and keeping alive share plan and transfer, and nothing else",
	},
	{
		packages: []string{"objects/custody", "objects/custody/keeper"},
		never:    []string{"objects"},
		why:      "storing and keeping alive share plan and transfer, and nothing else",
	},
	{
		packages: []string{"dht"},
		never:    []string{"bft/..."},
		why:      "records are checked by rules that node hands it",
	},
	{
		packages: []string{"cmd/peerctl"},
		ours: []string{"cmd/peerctl/...", "internal/api", "internal/api/client", "internal/api/protocol", "internal/api/idle",
			"internal/vfs", "internal/errs", "internal/wire", "internal/frame", "bft"},
		never: []string{libp2p + "/...", badger + "/..."},
		why:   "the user's program is small and starts at once; the daemon does the work",
	},
}

// onlyHere says which packages alone may import something foreign.
var onlyHere = []struct {
	what  string
	where []string
}{
	{badger + "/...", []string{"internal/kv"}},
	{libp2p + "/...", []string{"internal/p2p/...", "dht/...", "node/...", "testnet/..."}},
	{"github.com/libp2p/go-libp2p-kad-dht/...", []string{"dht/...", "node/..."}},
}

// planned are packages that rules and the map speak of and that do not exist yet.
var planned = []string{"internal/vfs"}

// quiet packages start no goroutine: their callers decide what runs beside
// what.
var quiet = []string{"internal/wire", "internal/errs", "internal/frame", "objects/tree", "objects/update", "objects/plan", "objects/custody", "bft"}

// skipped tests may call t.Skip, each for a reason that stands here.
var skipped = map[string]string{}

// matches reports whether path is what name stands for.
func matches(name, path string) bool {
	if first, _, _ := strings.Cut(name, "/"); folders[first] {
		name = module + "/" + name
	}
	if base, below := strings.CutSuffix(name, "/..."); below {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == name
}

// folders are the first elements of our own paths, which tells them from the
// standard library's.
var folders = map[string]bool{
	"bft": true, "cmd": true, "dht": true, "internal": true, "naming": true,
	"node": true, "objects": true, "testnet": true,
}

// isOurs reports whether an import path lies in this module.
func isOurs(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func matchesAny(names []string, path string) bool {
	for _, name := range names {
		if matches(name, path) {
			return true
		}
	}
	return false
}
