package update

import "testing"

func TestUpdatesAreVerifiedTogetherAsEachAlone(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []map[int]bool{{}, {0: true}, {3: true, 5: true}, {0: true, 1: true, 2: true, 3: true, 4: true, 5: true}} {
		var all []*Signed
		for i := range 6 {
			u := Sign(keyOf(byte(i)), w.update(Clause{}))
			if bad[i] {
				u.signature[7] ^= 1
			}
			all = append(all, u)
		}
		VerifyAll(append(all, nil))
		for i, u := range all {
			if !u.verified || (u.Verify() != nil) != bad[i] {
				t.Errorf("bad %v: update %d: verified %v, %v", bad, i, u.verified, u.Verify())
			}
		}
	}
	VerifyAll(nil)
	VerifyAll([]*Signed{nil})
}
