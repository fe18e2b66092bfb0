package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Test holds a backend against what api.Backend promises. Each part makes a
// volume of its own, named with the prefix.
func Test(t *testing.T, b api.Backend, prefix string) {
	parts := []struct {
		name string
		run  func(*volumeTest)
	}{
		{"content of every size", (*volumeTest).sizes},
		{"ranges", (*volumeTest).ranges},
		{"names of any bytes", (*volumeTest).names},
		{"modes, times and links", (*volumeTest).attributes},
		{"destinations", (*volumeTest).destinations},
		{"predicates", (*volumeTest).predicates},
		{"versions", (*volumeTest).versions},
		{"appending", (*volumeTest).appending},
		{"trees", (*volumeTest).trees},
		{"mirrored trees", (*volumeTest).mirror},
		{"removal", (*volumeTest).removal},
		{"a body that fails", (*volumeTest).failures},
		{"what is not there", (*volumeTest).absent},
		{"watching", (*volumeTest).watching},
		{"the rest", (*volumeTest).rest},
		{"deletion", (*volumeTest).deletion},
	}
	for i, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			v := &volumeTest{t: t, b: b, name: fmt.Sprintf("%s%d", prefix, i)}
			made, err := b.Init(t.Context(), api.InitRequest{Petname: v.name})
			if err != nil || made.Object == "" || made.Reference == "" {
				t.Fatalf("init: %+v, %v", made, err)
			}
			_, err = b.Init(t.Context(), api.InitRequest{Petname: v.name})
			v.fails(err, errs.Conflict, "a second volume of one name")
			part.run(v)
		})
	}
}

// volumeTest is a test in a volume of its own.
type volumeTest struct {
	t    *testing.T
	b    api.Backend
	name string
}

func (v *volumeTest) ctx() context.Context { return v.t.Context() }

func (v *volumeTest) ref(path api.Path) string { return v.name + ":" + path.String() }

var modTime = time.Unix(1_700_000_000, 123_456_789).UTC()

func (v *volumeTest) put(path api.Path, content []byte) api.PutResult {
	v.t.Helper()
	r, err := v.b.Put(v.ctx(), api.PutRequest{Dest: v.ref(path), Mode: 0o640, ModTime: modTime}, bytes.NewReader(content))
	if err != nil {
		v.t.Fatalf("put %s: %v", path, err)
	}
	return r
}

func (v *volumeTest) mkdir(path api.Path) {
	v.t.Helper()
	if _, err := v.b.Mkdir(v.ctx(), api.MkdirRequest{Ref: v.ref(path), Mode: 0o755}); err != nil {
		v.t.Fatalf("mkdir %s: %v", path, err)
	}
}

func (v *volumeTest) read(r api.ReadRequest) ([]byte, error) {
	e, reader, err := v.b.Open(v.ctx(), r)
	if err != nil {
		return nil, err
	}
	if reader == nil {
		return nil, fmt.Errorf("%s is a %s", e.Path, e.Kind)
	}
	defer reader.Close()
	return io.ReadAll(reader)
}

func (v *volumeTest) holds(ref string, want []byte) {
	v.t.Helper()
	got, err := v.read(api.ReadRequest{Ref: ref})
	if err != nil || !bytes.Equal(got, want) {
		v.t.Errorf("%s: %d bytes %.20q, want %d %.20q, %v", ref, len(got), got, len(want), want, err)
	}
}

func (v *volumeTest) fails(err error, kind errs.Kind, what string) {
	v.t.Helper()
	if err == nil || errs.KindOf(err) != kind {
		v.t.Errorf("%s: %v (kind %v), want kind %v", what, err, errs.KindOf(err), kind)
	}
}

func (v *volumeTest) list(ref string, recursive bool) (paths []string) {
	v.t.Helper()
	err := v.b.List(v.ctx(), api.ListRequest{Ref: ref, Recursive: recursive}, func(e api.Entry) error {
		paths = append(paths, string(e.Path))
		return nil
	})
	if err != nil {
		v.t.Errorf("list %s: %v", ref, err)
	}
	return paths
}

func (v *volumeTest) lists(ref string, recursive bool, want ...string) {
	v.t.Helper()
	if got := v.list(ref, recursive); !slices.Equal(got, want) {
		v.t.Errorf("list %s: %q, want %q", ref, got, want)
	}
}

// noise returns bytes without a pattern, the same ones each time.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(n)*2_654_435_761 + 88_172_645_463_325_252
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func (v *volumeTest) sizes() {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 256<<10 - 1, 256 << 10, 1 << 20, 1<<20 + 1, 3<<20 + 17} {
		content := noise(n)
		path := api.Path(fmt.Sprintf("/%d", n))
		r := v.put(path, content)
		if r.Bytes != int64(n) || r.Reference == "" || r.Pinned == "" || r.Path != path || r.Version == 0 || r.State != api.Archived {
			v.t.Errorf("%d bytes: %+v", n, r)
		}
		v.holds(v.ref(path), content)
		v.holds(r.Reference, content)
		v.holds(r.Pinned, content)
		e, err := v.b.Stat(v.ctx(), api.ReadRequest{Ref: v.ref(path)})
		if err != nil || e.Size != int64(n) || e.Kind != api.File || e.Version != r.Version || e.Object != r.Object || e.Path != path {
			v.t.Errorf("%d bytes: %+v, %v", n, e, err)
		}
	}
}

func (v *volumeTest) ranges() {
	content := noise(3 << 20)
	v.put("/f", content)
	size := int64(len(content))
	for _, c := range []struct{ offset, length, want int64 }{
		{0, 1, 1}, {0, 0, size}, {1 << 20, 5, 5}, {1<<20 - 3, 1<<20 + 9, 1<<20 + 9}, {size - 4, 100, 4}, {size, 0, 0}, {7, 0, size - 7},
	} {
		got, err := v.read(api.ReadRequest{Ref: v.ref("/f"), Offset: c.offset, Length: c.length})
		if err != nil || !bytes.Equal(got, content[c.offset:c.offset+c.want]) {
			v.t.Errorf("%d bytes at %d: %d bytes, %v", c.length, c.offset, len(got), err)
		}
	}
	for _, c := range [][2]int64{{size + 1, 0}, {-1, 0}, {0, -1}} {
		_, err := v.read(api.ReadRequest{Ref: v.ref("/f"), Offset: c[0], Length: c[1]})
		v.fails(err, errs.Usage, fmt.Sprint("range ", c))
	}
}

func (v *volumeTest) names() {
	names := []api.Path{"-leading", " space ", "new\nline", "100%", "a@7", "\xff\xfe", "é", "\U0001f3dd", "a:b", "'\"\\", "...", api.Path(strings.Repeat("n", 255))}
	for _, name := range names {
		v.put("/"+name, []byte(name))
		v.holds(v.ref("/"+name), []byte(name))
	}
	slices.Sort(names)
	want := []string{"/"}
	for _, name := range names {
		want = append(want, "/"+string(name))
	}
	v.lists(v.ref("/"), false, want...)
}

func (v *volumeTest) attributes() {
	put := func(r api.PutRequest) {
		v.t.Helper()
		if _, err := v.b.Put(v.ctx(), r, strings.NewReader("")); err != nil {
			v.t.Fatal(err)
		}
		e, reader, err := v.b.Open(v.ctx(), api.ReadRequest{Ref: r.Dest})
		if err != nil || e.Mode != r.Mode || !e.ModTime.Equal(r.ModTime) || e.Target != r.Symlink {
			v.t.Errorf("put %+v, found %+v, %v", r, e, err)
		}
		if (reader == nil) != (r.Symlink != "") {
			v.t.Errorf("%+v: content %v", e, reader)
		}
		if reader != nil {
			reader.Close()
		}
	}
	put(api.PutRequest{Dest: v.ref("/f"), Mode: 0o4755, ModTime: modTime})
	put(api.PutRequest{Dest: v.ref("/f"), Mode: 0, ModTime: time.Unix(-1, 999_999_999)})
	put(api.PutRequest{Dest: v.ref("/l"), Mode: 0o777, ModTime: time.Unix(1<<32, 1), Symlink: "../\xff\n@%/gone"})
	e, reader, err := v.b.Open(v.ctx(), api.ReadRequest{Ref: v.ref("/")})
	if err != nil || e.Kind != api.Dir || e.Path != "/" || reader != nil {
		v.t.Errorf("the root: %+v, %v, %v", e, reader, err)
	}
}

func (v *volumeTest) destinations() {
	into := func(dest string, name api.Path) (api.PutResult, error) {
		return v.b.Put(v.ctx(), api.PutRequest{Dest: dest, Name: name, ModTime: modTime}, strings.NewReader("x"))
	}
	v.mkdir("/d")
	for _, c := range []struct {
		dest string
		want api.Path
	}{
		{v.ref(""), "/n@\xff"}, {v.ref("/"), "/n@\xff"}, {v.ref("/d"), "/d/n@\xff"}, {v.ref("/d/"), "/d/n@\xff"}, {v.ref("/other"), "/other"},
	} {
		if r, err := into(c.dest, "n@\xff"); err != nil || r.Path != c.want {
			v.t.Errorf("put into %s: %q, %v", c.dest, r.Path, err)
		}
	}
	for _, c := range []struct {
		dest string
		name api.Path
		kind errs.Kind
	}{
		{v.ref("/d"), "", errs.Usage},
		{v.ref("/absent/"), "n", errs.NotFound},
		{v.ref("/absent/n"), "n", errs.NotFound},
		{v.ref("/d") + "@1", "n", errs.Usage},
		{"no-such-volume:/a", "n", errs.NotFound},
		{"nonsense", "n", errs.Usage},
	} {
		_, err := into(c.dest, c.name)
		v.fails(err, c.kind, "put into "+c.dest)
	}
}

func (v *volumeTest) predicates() {
	first := v.put("/f", []byte("1"))
	second := v.put("/f", []byte("2"))
	if second.Previous != first.Version || first.Previous != 0 {
		v.t.Errorf("previous versions: %+v, %+v", first, second)
	}
	put := func(r api.PutRequest) error {
		r.Dest, r.ModTime = v.ref("/f"), modTime
		_, err := v.b.Put(v.ctx(), r, strings.NewReader("3"))
		return err
	}
	v.fails(put(api.PutRequest{IfAbsent: true}), errs.Conflict, "put over a file if absent")
	v.fails(put(api.PutRequest{IfVersion: &first.Version}), errs.Conflict, "put over a newer version")
	v.holds(v.ref("/f"), []byte("2"))
	if err := put(api.PutRequest{IfVersion: &second.Version}); err != nil {
		v.t.Error(err)
	}
	_, err := v.b.Remove(v.ctx(), api.RemoveRequest{Ref: v.ref("/f"), IfVersion: &second.Version})
	v.fails(err, errs.Conflict, "remove of a newer version")
	v.holds(v.ref("/f"), []byte("3"))
}

func (v *volumeTest) versions() {
	var made []api.PutResult
	for i := range 3 {
		made = append(made, v.put("/f", noise(5000+i)))
	}
	other := v.put("/other", nil)
	for i, r := range made {
		v.holds(fmt.Sprintf("%s@%d", v.ref("/f"), r.Version), noise(5000+i))
		v.holds(r.Pinned, noise(5000+i))
	}
	v.holds(v.ref("/f")+"@-2", noise(5001))
	v.holds(made[0].Reference, noise(5002))
	_, err := v.read(api.ReadRequest{Ref: v.ref("/f") + "@4711"})
	v.fails(err, errs.NotFound, "a version that is not there")
	log, err := v.b.Log(v.ctx(), api.LogRequest{Ref: v.ref("/f")})
	if err != nil || log.Path != "/f" || len(log.Versions) != 3 {
		v.t.Fatalf("log %+v, %v", log, err)
	}
	for i, l := range log.Versions {
		if l.Version != made[2-i].Version || l.Time.IsZero() || l.Author == "" || l.Version == other.Version {
			v.t.Errorf("entry %d of the log: %+v", i, l)
		}
	}
}

// treeOf is an api.TreeReader of entries that hold their own content.
type treeOf struct {
	entries []api.TreeEntry
	content map[api.Path][]byte
	io.Reader
}

func (r *treeOf) Next() (e api.TreeEntry, err error) {
	if len(r.entries) == 0 {
		return e, io.EOF
	}
	e, r.entries = r.entries[0], r.entries[1:]
	r.Reader = bytes.NewReader(r.content[e.Path])
	return e, nil
}

func sampleTree() *treeOf {
	content := map[api.Path][]byte{"a/f": noise(10), "a/g\xff": noise(2 << 20), "z": {}}
	return &treeOf{content: content, entries: []api.TreeEntry{
		{Kind: api.Dir, Mode: 0o700, ModTime: modTime},
		{Path: "a", Kind: api.Dir, Mode: 0o1777, ModTime: time.Unix(5, 6).UTC()},
		{Path: "a/f", Kind: api.File, Mode: 0o600, ModTime: time.Unix(-7, 8).UTC(), Size: 10},
		{Path: "a/g\xff", Kind: api.File, Mode: 0o444, ModTime: modTime, Size: 2 << 20},
		{Path: "a.b", Kind: api.Symlink, Mode: 0o777, ModTime: time.Unix(9, 10).UTC(), Target: "a/f"},
		{Path: "empty", Kind: api.Dir, Mode: 0o755, ModTime: modTime},
		{Path: "z", Kind: api.File, Mode: 0o755, ModTime: modTime},
	}}
}

func (v *volumeTest) putTree(r api.PutTreeRequest, tree api.TreeReader) api.PutResult {
	v.t.Helper()
	result, err := v.b.PutTree(v.ctx(), r, tree)
	if err != nil {
		v.t.Fatalf("put tree: %v", err)
	}
	return result
}

func (v *volumeTest) trees() {
	r := v.putTree(api.PutTreeRequest{Dest: v.ref("/t")}, sampleTree())
	if r.Path != "/t" || r.Bytes != 2<<20+10 {
		v.t.Errorf("%+v", r)
	}
	v.comesBack(v.ref("/t"), "/t")
	v.comesBack(r.Reference, "/")
	v.lists(v.ref("/t"), true, "/t", "/t/a", "/t/a/f", "/t/a/g\xff", "/t/a.b", "/t/empty", "/t/z")
	v.lists(v.ref("/t"), false, "/t", "/t/a", "/t/a.b", "/t/empty", "/t/z")
	v.lists(v.ref("/t/z"), true, "/t/z")
	v.putTree(api.PutTreeRequest{Dest: v.ref("/t/"), Name: "in"}, sampleTree())
	v.comesBack(v.ref("/t/in"), "/t/in")
	_, err := v.b.PutTree(v.ctx(), api.PutTreeRequest{Dest: v.ref("/t"), IfAbsent: true}, sampleTree())
	v.fails(err, errs.Conflict, "a tree over a directory, if absent")
	_, err = v.b.PutTree(v.ctx(), api.PutTreeRequest{Dest: v.ref("/t/z")}, sampleTree())
	v.fails(err, errs.Conflict, "a tree over a file")
	_, err = v.b.PutTree(v.ctx(), api.PutTreeRequest{Dest: v.ref("/no/t")}, sampleTree())
	v.fails(err, errs.NotFound, "a tree below nothing")
}

// comesBack walks a tree and compares it with the sample.
func (v *volumeTest) comesBack(ref string, root api.Path) {
	v.t.Helper()
	want := sampleTree()
	err := v.b.Walk(v.ctx(), api.ReadRequest{Ref: ref}, func(e api.Entry, open func() (io.ReadCloser, error)) error {
		w, err := want.Next()
		if err != nil {
			return err
		}
		if e.Path.Below(root) != w.Path || e.Kind != w.Kind || e.Mode != w.Mode || !e.ModTime.Equal(w.ModTime) || e.Target != w.Target || e.Size != w.Size {
			v.t.Errorf("%s: found %+v, want %+v", ref, e, w)
		}
		if (open != nil) != (e.Kind == api.File) {
			v.t.Errorf("%s: content of a %s", e.Path, e.Kind)
		}
		if e.Path.Base() == "f" || open == nil {
			return nil // content that is left unread is skipped
		}
		reader, err := open()
		if err != nil {
			return err
		}
		defer reader.Close()
		if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, want.content[w.Path]) {
			v.t.Errorf("%s: %d bytes, %v", e.Path, len(got), err)
		}
		return nil
	})
	if err != nil || len(want.entries) != 0 {
		v.t.Errorf("%s: %d entries are missing, %v", ref, len(want.entries), err)
	}
}

func (v *volumeTest) mirror() {
	v.putTree(api.PutTreeRequest{Dest: v.ref("/t")}, sampleTree())
	v.put("/t/a/extra", nil)
	v.putTree(api.PutTreeRequest{Dest: v.ref("/t")}, sampleTree())
	v.lists(v.ref("/t/a"), true, "/t/a", "/t/a/extra", "/t/a/f", "/t/a/g\xff")
	mirrored := sampleTree()
	mirrored.entries = append(mirrored.entries, api.TreeEntry{Path: "a/extra", Gone: true}, api.TreeEntry{Path: "a/never", Gone: true})
	v.putTree(api.PutTreeRequest{Dest: v.ref("/t")}, mirrored)
	v.comesBack(v.ref("/t"), "/t")
}

func (v *volumeTest) removal() {
	v.mkdir("/d")
	_, err := v.b.Mkdir(v.ctx(), api.MkdirRequest{Ref: v.ref("/d")})
	v.fails(err, errs.Conflict, "a directory that exists")
	_, err = v.b.Mkdir(v.ctx(), api.MkdirRequest{Ref: v.ref("/x/y")})
	v.fails(err, errs.NotFound, "a directory below nothing")
	for range 2 {
		if _, err := v.b.Mkdir(v.ctx(), api.MkdirRequest{Ref: v.ref("/d/e/f"), Parents: true, Mode: 0o755}); err != nil {
			v.t.Error(err)
		}
	}
	r := v.put("/d/e/f/g", []byte("kept"))
	remove := func(path api.Path, recursive bool) error {
		_, err := v.b.Remove(v.ctx(), api.RemoveRequest{Ref: v.ref(path), Recursive: recursive})
		return err
	}
	v.fails(remove("/d", false), errs.Conflict, "removing what is not empty")
	v.fails(remove("/", true), errs.Usage, "removing the root")
	v.fails(remove("/gone", true), errs.NotFound, "removing nothing")
	if err := errors.Join(remove("/d/e/f/g", false), remove("/d", true)); err != nil {
		v.t.Error(err)
	}
	v.lists(v.ref("/"), true, "/")
	v.holds(fmt.Sprintf("%s@%d", v.ref("/d/e/f/g"), r.Version), []byte("kept"))
}

func (v *volumeTest) failures() {
	v.put("/f", []byte("before"))
	broken := errors.New("the disk broke")
	body := io.MultiReader(bytes.NewReader(noise(3<<20)), iotest.ErrReader(broken))
	_, err := v.b.Put(v.ctx(), api.PutRequest{Dest: v.ref("/f"), ModTime: modTime}, body)
	if !errors.Is(err, broken) {
		v.t.Errorf("a body that broke: %v", err)
	}
	v.holds(v.ref("/f"), []byte("before"))
	tree := sampleTree()
	tree.content["a/g\xff"] = noise(1 << 20)
	_, err = v.b.PutTree(v.ctx(), api.PutTreeRequest{Dest: v.ref("/t")}, &brokenTree{tree, broken})
	if !errors.Is(err, broken) {
		v.t.Errorf("a tree that broke: %v", err)
	}
	_, err = v.b.Stat(v.ctx(), api.ReadRequest{Ref: v.ref("/t")})
	v.fails(err, errs.NotFound, "what a broken tree left")
}

// brokenTree fails at its third entry.
type brokenTree struct {
	*treeOf
	err error
}

func (r *brokenTree) Next() (api.TreeEntry, error) {
	if len(r.entries) == 4 {
		return api.TreeEntry{}, r.err
	}
	return r.treeOf.Next()
}

func (v *volumeTest) absent() {
	v.put("/f", nil)
	for _, ref := range []string{v.ref("/gone"), v.ref("/f/below"), "no-such-volume:/"} {
		_, err := v.b.Stat(v.ctx(), api.ReadRequest{Ref: ref})
		v.fails(err, errs.NotFound, "stat "+ref)
		_, err = v.read(api.ReadRequest{Ref: ref})
		v.fails(err, errs.NotFound, "open "+ref)
		err = v.b.List(v.ctx(), api.ListRequest{Ref: ref}, func(api.Entry) error { return nil })
		v.fails(err, errs.NotFound, "list "+ref)
		err = v.b.Walk(v.ctx(), api.ReadRequest{Ref: ref}, func(api.Entry, func() (io.ReadCloser, error)) error { return nil })
		v.fails(err, errs.NotFound, "walk "+ref)
		_, err = v.b.Log(v.ctx(), api.LogRequest{Ref: ref})
		v.fails(err, errs.NotFound, "log "+ref)
		_, err = v.b.Check(v.ctx(), api.CheckRequest{Ref: ref})
		v.fails(err, errs.NotFound, "check "+ref)
	}
	_, err := v.b.Stat(v.ctx(), api.ReadRequest{Ref: v.name + ":/bad%zz"})
	v.fails(err, errs.Usage, "bad percent-encoding")
}

func (v *volumeTest) rest() {
	v.put("/f", noise(100_000))
	report, err := v.b.Check(v.ctx(), api.CheckRequest{Ref: v.ref("/"), Verify: true})
	if err != nil || !report.Healthy || report.Object == "" {
		v.t.Errorf("check: %+v, %v", report, err)
	}
	if p, err := v.b.Plan(v.ctx(), api.PlanRequest{Nines: 9}); err != nil || p.Wanted != 9 || p.K < 1 || p.N < p.K || p.RepairAt < p.K {
		v.t.Errorf("plan: %+v, %v", p, err)
	}
	if q, err := v.b.Quota(v.ctx()); err != nil || q.FreeBytes > q.QuotaBytes {
		v.t.Errorf("quota: %+v, %v", q, err)
	}
	if r, err := v.b.CheckStore(v.ctx()); err != nil || r.Damaged > r.Shares || len(r.List) > r.Damaged {
		v.t.Errorf("check of the store: %+v, %v", r, err)
	}
	v.denials()
	_, err = v.b.Prune(v.ctx(), api.PruneRequest{Ref: v.ref("/")})
	v.fails(err, errs.Usage, "prune without a rule")
	if p, err := v.b.Prune(v.ctx(), api.PruneRequest{Ref: v.ref("/"), Retention: api.Retention{Last: 1000}, Dry: true}); err != nil || p.Version != 0 || p.Kept < 1 {
		v.t.Errorf("prune --dry-run: %+v, %v", p, err)
	}
	status, err := v.b.Status(v.ctx())
	if err != nil || status.Peer == "" || len(status.Volumes) == 0 {
		v.t.Errorf("status: %+v, %v", status, err)
	}
	id, err := v.b.Identity(v.ctx())
	if err != nil || id.Author == "" {
		v.t.Errorf("identity: %+v, %v", id, err)
	}
	if invitation, err := v.b.Invite(v.ctx()); err != nil || invitation == "" {
		v.t.Errorf("invite: %q, %v", invitation, err)
	}
	if _, err := v.b.Peers(v.ctx()); err != nil {
		v.t.Error(err)
	}
	if _, err := v.b.Doctor(v.ctx()); err != nil {
		v.t.Error(err)
	}
	enough := errors.New("enough")
	err = v.b.List(v.ctx(), api.ListRequest{Ref: v.ref("/")}, func(api.Entry) error { return enough })
	if !errors.Is(err, enough) {
		v.t.Errorf("a caller's error in list: %v", err)
	}
	err = v.b.Walk(v.ctx(), api.ReadRequest{Ref: v.ref("/")}, func(api.Entry, func() (io.ReadCloser, error)) error { return enough })
	if !errors.Is(err, enough) {
		v.t.Errorf("a caller's error in walk: %v", err)
	}
}

func (v *volumeTest) deletion() {
	v.put("/f", noise(50_000))
	for _, ref := range []string{v.ref("/f"), v.ref("/") + "@1"} {
		_, err := v.b.DeleteVolume(v.ctx(), api.DeleteVolumeRequest{Ref: ref})
		v.fails(err, errs.Usage, "delete "+ref)
	}
	shared, err := v.b.Share(v.ctx(), api.ShareRequest{Ref: v.ref("/")})
	if err != nil {
		v.t.Fatal(err)
	}
	d, err := v.b.DeleteVolume(v.ctx(), api.DeleteVolumeRequest{Ref: v.ref("/")})
	if err != nil || d.Version == 0 || !slices.Equal(d.Petnames, []string{v.name}) {
		v.t.Errorf("delete: %+v, %v", d, err)
	}
	for _, ref := range []string{v.ref("/f"), shared.Reference, shared.Reference + "/f", shared.Reference + "@1"} {
		_, err := v.b.Stat(v.ctx(), api.ReadRequest{Ref: ref})
		v.fails(err, errs.NotFound, "stat "+ref)
	}
	_, err = v.b.Mkdir(v.ctx(), api.MkdirRequest{Ref: shared.Reference + "/d", Mode: 0o755})
	v.fails(err, errs.NotFound, "mkdir in what is deleted")
	volumes, err := v.b.Volumes(v.ctx())
	if err != nil || slices.ContainsFunc(volumes, func(x api.Volume) bool { return x.Petname == v.name }) {
		v.t.Errorf("volumes: %+v, %v", volumes, err)
	}
	if made, err := v.b.Init(v.ctx(), api.InitRequest{Petname: v.name}); err != nil || made.Object == d.Object {
		v.t.Errorf("another volume of that name: %+v, %v", made, err)
	}
}

// denials denies what is not there, so that the volume goes on.
func (v *volumeTest) denials() {
	what := api.DenyRequest{What: wire.ExtentID{1}.String(), Extent: true, Reason: "asked to"}
	if d, err := v.b.Deny(v.ctx(), what); err != nil || d.ID != what.What || d.Member {
		v.t.Errorf("denied: %+v, %v", d, err)
	}
	all, err := v.b.Denials(v.ctx())
	if err != nil || len(all) != 1 || all[0].ID != what.What || !all[0].Extent || all[0].Reason != what.Reason || all[0].Since.IsZero() {
		v.t.Errorf("denials: %+v, %v", all, err)
	}
	if _, err := v.b.Allow(v.ctx(), what); err != nil {
		v.t.Error(err)
	}
	_, err = v.b.Allow(v.ctx(), what)
	v.fails(err, errs.NotFound, "allowed twice")
	_, err = v.b.Deny(v.ctx(), api.DenyRequest{What: "?"})
	v.fails(err, errs.Usage, "deny nothing")
}
