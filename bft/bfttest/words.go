package bfttest

import (
	"fmt"
	"strings"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// name returns a short name of a decision: A, B, C … in the order in which the
// script has met them.
func (s *Script) name(d bft.Decision) string { return s.nameID(d.ID()) }

func (s *Script) nameID(id wire.VersionID) string {
	if id.IsZero() {
		return "whatever is committed"
	}
	if s.names[id] == "" {
		s.names[id] = string(rune('A' + len(s.names)))
	}
	return s.names[id]
}

func (s *Script) proposal(p bft.Proposal) string {
	words := make([]string, len(p.Batch.Updates))
	for i, u := range p.Batch.Updates {
		words[i] = string(u)
	}
	return fmt.Sprintf("proposal %s for version %d (%s)", s.name(p.Decision), p.Decision.Version, strings.Join(words, " "))
}

// tell returns a message in words.
func (s *Script) tell(m bft.Message) string {
	switch m := m.(type) {
	case *bft.Request:
		return fmt.Sprintf("request %s", m.Update)
	case *bft.PrePrepare:
		return fmt.Sprintf("view %d, %s", m.View, s.proposal(m.Proposal))
	case *bft.Vote:
		return fmt.Sprintf("view %d, %v %s", m.Ballot.View, m.Kind, s.nameID(m.Ballot.Decision))
	case *bft.Suspect:
		return fmt.Sprintf("suspect view %d", m.View)
	case *bft.ViewChange:
		return "view change " + s.change(*m)
	case *bft.NewView:
		all := make([]string, len(m.Changes))
		for i, c := range m.Changes {
			all[i] = fmt.Sprintf("%d: %s", c.Member, s.change(c))
		}
		return fmt.Sprintf("new view %d, from %s", m.View, strings.Join(all, "; "))
	case *bft.Progress:
		return fmt.Sprintf("at version %d in view %d", m.Version, m.View)
	case *bft.Announce:
		return fmt.Sprintf("version %d is %s", m.Commit.Decision.Version, s.name(m.Commit.Decision))
	case *bft.Fetch:
		return fmt.Sprintf("fetch version %d, %s", m.Version, s.nameID(m.Decision))
	case *bft.Data:
		return "data, " + s.proposal(m.Proposal)
	}
	return "?"
}

func (s *Script) change(m bft.ViewChange) string {
	text := fmt.Sprintf("to %d at version ", m.View)
	if m.Commit == nil {
		text += "0"
	} else {
		text += fmt.Sprint(m.Commit.Decision.Version)
	}
	if p := m.Prepared; p != nil {
		text += fmt.Sprintf(", prepared %s in view %d", s.name(p.Decision), p.View)
	}
	return text
}

func signers(c bft.Certificate) string {
	var all []string
	for i := range 16 {
		if c.Signers&(1<<i) != 0 {
			all = append(all, fmt.Sprint(i))
		}
	}
	return strings.Join(all, ",")
}
