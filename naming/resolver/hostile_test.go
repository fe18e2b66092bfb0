package resolver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
	"github.com/atollnet/atoll/naming/zone"
)

// rooted returns a world with a root for test.
func rooted(t testing.TB) (*world, *authority) {
	w := newWorld(t)
	root := w.zone(1, "test.")
	w.roots = []Root{{Suffix: "test.", Digests: []naming.Digest{root.digest()}}}
	return w, root
}

func (w *world) ask(r *Resolver, name string) string {
	w.t.Helper()
	return brief(r.Resolve(w.t.Context(), name, dns.TypeA))
}

// nameID returns where the record of a name lies.
func (a *authority) nameID(name string) wire.RecordID {
	packed, err := naming.Pack(name)
	if err != nil {
		a.t.Fatal(err)
	}
	return naming.NameID(a.digest(), packed)
}

const good = "NOERROR; secure; 300 IN A 192.0.2.1"

func TestLongChains(t *testing.T) {
	w, root := rooted(t)
	for i := range 20 {
		root.set(fmt.Sprintf("c%d", i), "CNAME", fmt.Sprintf("c%d", i+1))
	}
	root.set("c20", "A", "192.0.2.1")
	root.publish()
	r := w.resolver()
	if got := w.ask(r, "c10.test."); !strings.HasPrefix(got, "NOERROR; secure") || !strings.HasSuffix(got, "192.0.2.1") {
		t.Errorf("ten aliases: %s", got)
	}
	if got := w.ask(r, "c0.test."); got != "SERVFAIL; EDE 0" {
		t.Errorf("twenty aliases: %s", got)
	}
}

// Each delegation is one label longer, so they cannot go in a circle; they can
// go deep.
func TestDeepDelegations(t *testing.T) {
	w, root := rooted(t)
	above, name := root, "test."
	for i := range cutsMax + 2 {
		name = "d." + name
		z := w.zone(byte(10+i), name)
		z.set("@", "A", "192.0.2.1")
		above.delegate("d", z)
		above.publish()
		above = z
	}
	above.publish()
	r := w.resolver()
	if got := w.ask(r, strings.Repeat("d.", cutsMax-1)+"test."); got != good {
		t.Errorf("%d delegations: %s", cutsMax-1, got)
	}
	if got := w.ask(r, name); got != "SERVFAIL; EDE 0" {
		t.Errorf("too many: %s", got)
	}
}

// A delegation to a key that signs nothing there, and one that names itself.
func TestLameDelegations(t *testing.T) {
	w, root := rooted(t)
	root.delegate("lame", w.zone(9, "lame.test."))
	root.delegate("self", w.zone(1, "self.test."))
	root.publish()
	r := w.resolver()
	for _, name := range []string{"www.lame.test.", "lame.test.", "www.self.test."} {
		if got := w.ask(r, name); got != "SERVFAIL; EDE 22" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestKeysAreRolled(t *testing.T) {
	w, root := rooted(t)
	before, after := w.zone(2, "photos.test."), w.zone(3, "photos.test.")
	for _, z := range []*authority{before, after} {
		z.set("www", "A", "192.0.2.1")
	}
	r := w.resolver()
	step := func(what, want string) {
		t.Helper()
		w.pass(recordAge + time.Second)
		if got := w.ask(r, "www.photos.test."); got != want {
			t.Errorf("%s: %s", what, got)
		}
	}
	root.delegate("photos", before)
	root.publish()
	before.publish()
	step("the first key", good)

	after.publish()
	ds := naming.DS(after.origin, after.key())
	root.set("photos", "DS", strings.TrimPrefix(ds.String(), ds.Hdr.String()))
	root.publish()
	step("both keys sign, and the parent knows both", good)

	root.entries = nil
	root.delegate("photos", after)
	root.publish()
	step("the parent knows the newer alone", good)

	root.entries = nil
	root.delegate("photos", w.zone(4, "photos.test."))
	root.publish()
	step("the parent knows a key that signs nothing", "SERVFAIL; EDE 22")
}

func TestTimesOfSignatures(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.publish()
	for _, c := range []struct {
		what string
		pass time.Duration
		want string
	}{
		{"a clock that is an hour and a half late", -90 * time.Minute, "SERVFAIL; EDE 8"},
		{"now", 90 * time.Minute, good},
		{"its owner is away for a week", 7 * 24 * time.Hour, good},
		{"for a day less than a month", 22 * 24 * time.Hour, good},
		{"for longer", 2 * 24 * time.Hour, "SERVFAIL; EDE 7"},
	} {
		w.pass(c.pass)
		if got := w.ask(w.resolver(), "www.test."); got != c.want {
			t.Errorf("%s: %s", c.what, got)
		}
	}
}

// Nobody leads a resolver back to what it has seen replaced.
func TestOlderRecordsAreNotBelieved(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.9")
	root.publish()
	id := root.nameID("www.test.")
	old := w.held[id]
	root.entries = nil
	root.set("www", "A", "192.0.2.1")
	root.publish()
	r := w.resolver()
	if got := w.ask(r, "www.test."); got != good {
		t.Fatal(got)
	}
	w.held[id] = old
	w.pass(recordAge + time.Second)
	if got := w.ask(r, "www.test."); got != good {
		t.Errorf("led back: %s", got)
	}
}

// Peers that withhold a record cannot make a name not exist.
func TestWithheldRecordsAreMissed(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.set("a.b", "A", "192.0.2.1")
	root.delegate("sub", w.zone(2, "sub.test."))
	root.publish()
	for _, name := range []string{"www.test.", "sub.test."} {
		w.hide = map[wire.RecordID]bool{root.nameID(name): true}
		if got := w.ask(w.resolver(), name); !strings.HasPrefix(got, "SERVFAIL") {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.hide = map[wire.RecordID]bool{root.nameID("test."): true}
	if got := w.ask(w.resolver(), "no.test."); got != "SERVFAIL; EDE 22" {
		t.Errorf("without the zone's own record: %s", got)
	}
}

func TestForgeries(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.set("other", "A", "192.0.2.9")
	root.publish()
	www := root.nameID("www.test.")
	n, err := record.ParseName(w.held[www])
	if err != nil {
		t.Fatal(err)
	}
	honest := w.held[www]
	// The zone's key signs the record, and not the set in it: what a client
	// would be given is bogus.
	n.Sets[0].TTL = 1
	for what, value := range map[string][]byte{
		"another name's record": w.held[root.nameID("other.test.")],
		"a false RRSIG":         n.Sign(wire.NewKey(root.seed)),
		"another key's":         n.Sign(wire.NewKey([32]byte{66})),
		"half of it":            honest[:len(honest)/2],
		"garbage":               []byte("garbage"),
	} {
		w.held[www] = value
		got := w.ask(w.resolver(), "www.test.")
		if !strings.HasPrefix(got, "SERVFAIL") {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// A thousand questions for one name that nobody has cost what one does.
func TestStormOfMisses(t *testing.T) {
	w, root := rooted(t)
	root.publish()
	alone := w.resolver()
	w.ask(alone, "no.test.")
	alone.Close() // and what runs in the background has ended
	one := w.questions()
	release := make(chan struct{})
	w.hook = func(wire.RecordID) { <-release }
	r := w.resolver()
	var answered sync.WaitGroup
	for range 1000 {
		answered.Go(func() {
			if got := w.ask(r, "no.test."); got != "NXDOMAIN; secure; 1 NSEC3" {
				t.Error(got)
			}
		})
	}
	close(release)
	answered.Wait()
	if n := w.questions() - one; n > one {
		t.Errorf("%d lookups for a thousand questions, one question costs %d", n, one)
	}
	for range 1000 {
		w.ask(r, "no.test.")
	}
	if n := w.questions() - one; n > one {
		t.Errorf("%d lookups after a thousand more", n)
	}
}

// A zone made to cost much (KeyTrap: many keys, many signatures, deep names)
// costs a bounded number of lookups, each of a bounded record.
func TestWorkIsBounded(t *testing.T) {
	w, root := rooted(t)
	for i := range 60 {
		root.set(fmt.Sprintf("c%d", i), "CNAME", strings.Repeat("x.", 40)+fmt.Sprintf("c%d", i+1))
		root.set("*."+fmt.Sprintf("c%d", i+1), "CNAME", strings.Repeat("y.", 40)+fmt.Sprintf("c%d", i+2))
	}
	root.publish()
	w.ask(w.resolver(), "c0.test.")
	if n := w.questions(); n > (chainMax+1)*lookupsMax {
		t.Errorf("%d lookups", n)
	}
}

func TestServesWhatIsOldWhenCutOff(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.publish()
	r := w.resolver()
	if got := w.ask(r, "www.test."); got != good {
		t.Fatal(got)
	}
	w.cut = true
	w.pass(recordAge / 2)
	if got := w.ask(r, "www.test."); got != good {
		t.Errorf("at once: %s", got)
	}
	w.pass(24 * time.Hour)
	if got := w.ask(r, "www.test."); got != "NOERROR; secure; stale; 300 IN A 192.0.2.1; EDE 3" {
		t.Errorf("a day later: %s", got)
	}
	w.pass(6 * 24 * time.Hour)
	if got := w.ask(r, "www.test."); got != "NOERROR; secure; stale; 300 IN A 192.0.2.1; EDE 3" {
		t.Errorf("after a week: %s", got)
	}
	w.pass(zone.Validity)
	if got := w.ask(r, "www.test."); !strings.HasPrefix(got, "SERVFAIL") {
		t.Errorf("when its signatures have expired: %s", got)
	}
	w.cut = false
	root.publish()
	w.pass(failureTTL + time.Second)
	if got := w.ask(r, "www.test."); got != good {
		t.Errorf("reached again: %s", got)
	}
}

func TestChangesAreSeenInTime(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.9")
	root.publish()
	r := w.resolver()
	w.ask(r, "www.test.")
	root.entries = nil
	root.set("www", "A", "192.0.2.1")
	root.publish()
	w.pass(recordAge + time.Second)
	if got := w.ask(r, "www.test."); got != good {
		t.Errorf("ten seconds later: %s", got)
	}
}

// A name that has gone is gone, though peers still hold its older record.
func TestGoneNames(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.set("stays", "A", "192.0.2.1")
	root.publish()
	r := w.resolver()
	w.ask(r, "www.test.")
	root.entries = root.entries[1:]
	root.publish()
	w.pass(recordAge + time.Second)
	for _, r := range []*Resolver{r, w.resolver()} {
		if got := w.ask(r, "www.test."); got != "NXDOMAIN; secure; 2 NSEC3" {
			t.Error(got)
		}
	}
}

// A client that goes away takes its own wait along, and nobody else's.
func TestImpatientClient(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.publish()
	release := make(chan struct{})
	w.hook = func(wire.RecordID) { <-release }
	r := w.resolver()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := brief(r.Resolve(ctx, "www.test.", dns.TypeA)); !strings.HasPrefix(got, "SERVFAIL") {
		t.Errorf("an impatient client: %s", got)
	}
	close(release)
	w.pass(failureTTL + time.Second)
	if got := w.ask(r, "www.test."); got != good {
		t.Errorf("the next: %s", got)
	}
}

// A record that is not there takes longest to be known missing, for all near peers
// must say so: the wanted name's own in a zone above its own, and those of names
// above it in its own zone. Neither is waited for.
func TestWhatIsNotThereHoldsNothingUp(t *testing.T) {
	for name, missing := range map[string]string{"www.photos.test.": "www.photos.test.", "a.b.c.test.": "c.test."} {
		w, root := rooted(t)
		photos := w.zone(2, "photos.test.")
		photos.set("www", "A", "192.0.2.1")
		root.delegate("photos", photos)
		root.set("a.b.c", "A", "192.0.2.1")
		root.publish()
		photos.publish()
		r, release := w.resolver(), make(chan struct{})
		t.Cleanup(func() { close(release) })
		late := root.nameID(missing)
		w.hook = func(id wire.RecordID) {
			if id == late {
				<-release
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if got := brief(r.Resolve(ctx, name, dns.TypeA)); got != good {
			t.Errorf("%s waits for what is not there: %s", name, got)
		}
	}
}
