package keeper

import (
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
)

// silenceSavedEvery is after how many seconds of silence, as a part of what
// makes a peer lost, it is written down: so that a custodian that is started
// every morning still finds out who is gone.
const silenceSavedEvery = 20

// provedSavedEvery is after how many audits passed they are written down; what
// was failed is at once.
const provedSavedEvery = 1000

// look takes a step of so many seconds: who answers, whose silence has lasted
// too long, and what that means for the extents.
func (k *Keeper) look(seconds float64) {
	k.mu.Lock()
	var save []*peer
	changed := false
	if seconds > 0 {
		k.awake += min(seconds, 3*k.tick().Seconds())
	}
	answering := make(map[wire.PeerID]bool, len(k.peers))
	known := 0
	for id, p := range k.peers {
		if id == k.Self || k.Peers.Answers(id) {
			answering[id] = true
		}
		if id != k.Self && !p.isLost(k.DeadAfter) {
			known++
		}
	}
	others := len(answering)
	if answering[k.Self] {
		others--
	}
	cutOff := custody.CutOff(others, known)
	nowLost := 0
	for id, p := range k.peers {
		was, wasLost := p.answers, p.isLost(k.DeadAfter)
		p.answers = answering[id]
		p.silence = p.silence.Step(p.answers, cutOff, seconds, k.tick().Seconds())
		lost := p.isLost(k.DeadAfter)
		if lost && !wasLost {
			nowLost++
		}
		if was != p.answers || wasLost != lost {
			changed = true
		}
		if wasLost && !lost {
			k.returned(p)
		}
		if lost != wasLost || p.isUnsaved(k.DeadAfter) {
			save = append(save, p)
		}
	}
	if seconds > 0 && !cutOff {
		measured := k.Measured().Step(known, others, nowLost, min(seconds, 3*k.tick().Seconds()))
		k.measured.Store(&measured)
	}
	if changed {
		k.judgeAll()
	}
	note := k.Measured().Seconds-k.noted > measuredSavedEvery.Seconds()
	waiting := k.queue.Len() > 0
	k.mu.Unlock()
	for _, p := range save {
		k.savePeer(p)
	}
	if note {
		k.saveMeasured()
	}
	if waiting {
		k.stir()
	}
}

// isUnsaved reports whether what is known of a peer has outgrown its record.
func (p *peer) isUnsaved(deadAfter time.Duration) bool {
	diff := p.silence.Seconds - p.saved
	return diff < 0 || diff > deadAfter.Seconds()/silenceSavedEvery || p.conduct.Proved-p.savedProved >= provedSavedEvery
}

// returned makes the shares of a peer that was lost prove themselves before
// they count again. The caller holds mu.
func (k *Keeper) returned(p *peer) {
	k.Log.Info("custody: a holder is back", "peer", p.id.String())
	for _, e := range k.order {
		for _, h := range e.copies {
			if h.peer == p {
				h.doubt, e.again = true, true
			}
		}
	}
}

// savePeer writes down what is known of a peer.
func (k *Keeper) savePeer(p *peer) {
	k.mu.Lock()
	record := p.record()
	p.saved, p.savedProved = p.silence.Seconds, p.conduct.Proved
	k.mu.Unlock()
	if err := write(k.Store, peerKey(p.id), record); err != nil {
		k.Log.Warn("custody: writing down what a holder did", "peer", p.id.String(), "error", err)
	}
}

// peer returns what is known of a peer, which is looked up at the first time.
// The caller holds mu.
func (k *Keeper) peer(id wire.PeerID) *peer {
	p := k.peers[id]
	if p == nil {
		p = &peer{id: id, answers: id == k.Self || k.Peers.Answers(id)}
		if record, found, err := read(k.Store, peerKey(id), parsePeerRecord); err == nil && found {
			record.apply(p)
			p.saved, p.savedProved = p.silence.Seconds, p.conduct.Proved
		}
		k.peers[id] = p
	}
	return p
}
