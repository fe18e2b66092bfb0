package api

import (
	"context"
	"time"
)

// Prover is the part of a Backend that gives out what others can check.
type Prover interface {
	// Prove returns what proves a version of a volume to anybody who knows the
	// volume's name. That nobody has the certificate of such a version any more
	// is errs.NotFound.
	Prove(ctx context.Context, r ProofRequest) (Proof, error)
}

// ProofRequest asks for the proof of the version that a reference selects.
type ProofRequest struct {
	Ref         string `json:"ref"`
	Consistency string `json:"consistency,omitempty"`
}

// Proof is a head record without a hint, see bft/FORMAT.md.
type Proof struct {
	Object  string    `json:"object"`
	Version uint64    `json:"version"`
	Time    time.Time `json:"time"` // zero for version 0
	Record  []byte    `json:"record"`
}
