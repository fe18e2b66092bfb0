package api

import "runtime/debug"

// Release is the release of peerctl and peerd: they are made together.
const Release = "0.1.0"

// Version returns the release and, if the build recorded it, the revision that
// this program was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Release
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return Release + "+" + s.Value[:min(12, len(s.Value))]
		}
	}
	return Release
}
