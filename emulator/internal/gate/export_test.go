package gate

// Peers returns how many clients the gate knows, for tests.
func (g *Gate) Peers() int { return len(g.peers) + len(g.asked) }
