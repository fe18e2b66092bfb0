package api

import (
	"os"
	"path/filepath"
)

// EnvSocket is the environment variable that holds the API socket's path.
const EnvSocket = "ATOLL_API"

// DefaultSocket returns the path of the API socket: $ATOLL_API, else
// $XDG_RUNTIME_DIR/atoll/api.sock, else ~/.atoll/api.sock.
func DefaultSocket() string {
	if path := os.Getenv(EnvSocket); path != "" {
		return path
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "atoll", "api.sock")
	}
	return filepath.Join(home(), ".atoll", "api.sock")
}

// DefaultDir returns the path of the data directory: $XDG_DATA_HOME/atoll, else
// ~/.atoll.
func DefaultDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "atoll")
	}
	return filepath.Join(home(), ".atoll")
}

// home returns the home directory. Without one the present directory serves,
// which both programs then agree on when they are started there.
func home() string {
	if dir, err := os.UserHomeDir(); err == nil {
		return dir
	}
	return "."
}
