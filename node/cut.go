package node

// CutOff takes this peer off the network, or puts it back; see p2p.Host.CutOff.
func (n *Node) CutOff(off bool) { n.host.CutOff(off) }
