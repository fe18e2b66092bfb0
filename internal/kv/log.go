package kv

import (
	"fmt"
	"log/slog"
	"strings"
)

// logAdapter passes on Badger's warnings. What it calls an error is a warning
// here: whatever matters comes back as an error of a call too. Its reports on
// single values name keys, so they are cut before those.
type logAdapter struct{ log *slog.Logger }

func (l logAdapter) Errorf(format string, args ...any)   { l.warn(format, args) }
func (l logAdapter) Warningf(format string, args ...any) { l.warn(format, args) }
func (logAdapter) Infof(string, ...any)                  {}
func (logAdapter) Debugf(string, ...any)                 {}

func (l logAdapter) warn(format string, args []any) {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), "Key: ")
	if text = strings.TrimSpace(text); text != "" {
		l.log.Warn("local store", "message", text)
	}
}
