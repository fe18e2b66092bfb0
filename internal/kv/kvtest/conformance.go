package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/kv"
)

// Conformance runs the suite that every kv.Store passes. open returns an empty
// store, which the suite closes.
func Conformance(t *testing.T, open func(t *testing.T) kv.Store) {
	for name, test := range map[string]func(*testing.T, kv.Store){
		"get returns what was set":           getSet,
		"an update is all or nothing":        allOrNothing,
		"an update sees its own changes":     ownChanges,
		"a view is one state":                oneState,
		"scan is ordered and bounded":        scan,
		"scans do not nest in an update":     nested,
		"large values":                       largeValues,
		"limits":                             limits,
		"concurrent updates lose nothing":    concurrent,
		"concurrent syncs":                   syncs,
		"a closed store refuses every call":  closed,
		"an absent key and an empty value":   empty,
		"deleting and setting in one update": deleteSet,
		"files":                              wholeFiles,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			test(t, s)
			if err := s.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// Set stores one value, or fails the test.
func Set(t testing.TB, s kv.Store, key, value string) {
	t.Helper()
	if err := s.Update(func(w kv.Writer) error { return w.Set([]byte(key), []byte(value)) }); err != nil {
		t.Fatal(err)
	}
}

// Get returns the value of a key, "absent" if there is none.
func Get(t testing.TB, s kv.Store, key string) (value string) {
	t.Helper()
	err := s.View(func(r kv.Reader) error {
		return r.Get([]byte(key), func(v []byte) error { value = string(v); return nil })
	})
	if errors.Is(err, kv.ErrNotFound) {
		return "absent"
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func wantValue(t *testing.T, s kv.Store, key, want string) {
	t.Helper()
	if got := Get(t, s, key); got != want {
		t.Errorf("%q is %.40q, want %.40q", key, got, want)
	}
}

func getSet(t *testing.T, s kv.Store) {
	Set(t, s, "a", "1")
	Set(t, s, "a", "2")
	Set(t, s, "b", "3")
	wantValue(t, s, "a", "2")
	wantValue(t, s, "b", "3")
	wantValue(t, s, "c", "absent")
}

func allOrNothing(t *testing.T, s kv.Store) {
	Set(t, s, "a", "1")
	stop := errors.New("stop")
	err := s.Update(func(w kv.Writer) error {
		return errors.Join(w.Set([]byte("a"), []byte("2")), w.Set([]byte("b"), []byte("2")), stop)
	})
	if !errors.Is(err, stop) {
		t.Errorf("%v, want the function's own error", err)
	}
	wantValue(t, s, "a", "1")
	wantValue(t, s, "b", "absent")
}

func ownChanges(t *testing.T, s kv.Store) {
	Set(t, s, "a", "1")
	Set(t, s, "b", "1")
	var seen string
	err := s.Update(func(w kv.Writer) error {
		if err := errors.Join(w.Set([]byte("c"), []byte("2")), w.Delete([]byte("a"))); err != nil {
			return err
		}
		if err := w.Get([]byte("a"), func([]byte) error { return nil }); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("deleted key: %v, want ErrNotFound", err)
		}
		return w.Scan(nil, nil, false, func(key, value []byte) (bool, error) {
			seen += fmt.Sprintf("%s%s ", key, value)
			return true, nil
		})
	})
	if err != nil || seen != "b1 c2 " {
		t.Errorf("saw %q, error %v", seen, err)
	}
}

func oneState(t *testing.T, s kv.Store) {
	Set(t, s, "a", "1")
	err := s.View(func(r kv.Reader) error {
		Set(t, s, "a", "2")
		Set(t, s, "b", "2")
		return r.Scan(nil, nil, false, func(key, value []byte) (bool, error) {
			if string(key)+string(value) != "a1" {
				t.Errorf("a view saw %s=%s, written after it began", key, value)
			}
			return true, nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func scan(t *testing.T, s kv.Store) {
	for _, key := range []string{"p", "pa", "pb", "pb\x00", "pc", "q", "\xff\xff"} {
		Set(t, s, key, "v"+key)
	}
	for _, tc := range []struct {
		prefix, from string
		most         int
		want         string
	}{
		{"p", "", 9, "p pa pb pb\x00 pc "},
		{"p", "pb", 9, "pb pb\x00 pc "},
		{"p", "pb", 2, "pb pb\x00 "},
		{"p", "a", 9, "p pa pb pb\x00 pc "},
		{"p", "z", 9, ""},
		{"pb", "", 9, "pb pb\x00 "},
		{"", "q", 9, "q \xff\xff "},
		{"\xff", "", 9, "\xff\xff "},
		{"none", "", 9, ""},
	} {
		for _, keysOnly := range []bool{true, false} {
			got := ""
			err := s.View(func(r kv.Reader) error {
				return r.Scan([]byte(tc.prefix), []byte(tc.from), keysOnly, func(key, value []byte) (bool, error) {
					got += string(key) + " "
					if !keysOnly && string(value) != "v"+string(key) || keysOnly && value != nil {
						t.Errorf("key %q has value %q", key, value)
					}
					tc.most--
					return tc.most != 0, nil
				})
			})
			if keysOnly && (err != nil || got != tc.want) {
				t.Errorf("prefix %q from %q: %q, want %q, error %v", tc.prefix, tc.from, got, tc.want, err)
			}
		}
	}
	stop := errors.New("stop")
	err := s.View(func(r kv.Reader) error {
		return r.Scan(nil, nil, true, func([]byte, []byte) (bool, error) { return true, stop })
	})
	if !errors.Is(err, stop) {
		t.Errorf("%v, want the function's own error", err)
	}
}

func nested(t *testing.T, s kv.Store) {
	Set(t, s, "a", "1")
	err := s.Update(func(w kv.Writer) error {
		return w.Scan(nil, nil, true, func([]byte, []byte) (bool, error) {
			return true, w.Scan(nil, nil, true, func([]byte, []byte) (bool, error) { return true, nil })
		})
	})
	if !errors.Is(err, kv.ErrNested) {
		t.Errorf("%v, want ErrNested", err)
	}
}

func largeValues(t *testing.T, s kv.Store) {
	large := bytes.Repeat([]byte("0123456789abcdef"), kv.ValueBytesMax/16)
	for _, size := range []int{kv.ValueSmallMax - 1, kv.ValueSmallMax, 256 << 10, kv.ValueBytesMax} {
		Set(t, s, fmt.Sprint(size), string(large[:size]))
		wantValue(t, s, fmt.Sprint(size), string(large[:size]))
	}
	err := s.Update(func(w kv.Writer) error {
		for i := range kv.UpdateBulkBytesMax / kv.ValueBytesMax {
			if err := w.Set([]byte{'x', byte(i)}, large); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("the most that an update may hold: %v", err)
	}
}

func limits(t *testing.T, s kv.Store) {
	long := make([]byte, kv.ValueBytesMax+1)
	for name, tc := range map[string]struct {
		fill func(w kv.Writer) error
		want error
	}{
		"no key":       {func(w kv.Writer) error { return w.Set(nil, nil) }, kv.ErrTooLarge},
		"a long key":   {func(w kv.Writer) error { return w.Set(long[:kv.KeyBytesMax+1], nil) }, kv.ErrTooLarge},
		"longest key":  {func(w kv.Writer) error { return w.Set(long[:kv.KeyBytesMax], nil) }, nil},
		"a long value": {func(w kv.Writer) error { return w.Set([]byte("a"), long) }, kv.ErrTooLarge},
		"most changes": {func(w kv.Writer) error { return many(w, kv.UpdateEntriesMax, 0, 0) }, nil},
		"too many":     {func(w kv.Writer) error { return many(w, kv.UpdateEntriesMax+1, 0, 0) }, kv.ErrTooLarge},
		"most bytes":   {func(w kv.Writer) error { return many(w, kv.UpdateBytesMax/1032, 1000-8, 0) }, nil},
		"many bytes":   {func(w kv.Writer) error { return many(w, kv.UpdateBytesMax/1000, 1000, 0) }, kv.ErrTooLarge},
		"much bulk":    {func(w kv.Writer) error { return many(w, 9, 0, kv.ValueBytesMax) }, kv.ErrTooLarge},
	} {
		if err := s.Update(tc.fill); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// many makes n changes with values of so many bytes, or one long value each.
func many(w kv.Writer, n, small, bulk int) error {
	value := make([]byte, small+bulk)
	for i := range n {
		if err := w.Set(fmt.Appendf(nil, "%08d", i), value); err != nil {
			return err
		}
	}
	return nil
}

func concurrent(t *testing.T, s kv.Store) {
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := s.Update(increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(Get(t, s, "n")); got != writers*each {
		t.Errorf("%d increments counted, want %d", got, writers*each)
	}
}

// increment makes the value of n one byte longer.
func increment(w kv.Writer) error {
	var n []byte
	err := w.Get([]byte("n"), func(v []byte) error { n = bytes.Clone(v); return nil })
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	return w.Set([]byte("n"), append(n, 'x'))
}

func syncs(t *testing.T, s kv.Store) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			Set(t, s, fmt.Sprint("k", i), "v")
			if err := s.Sync(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func closed(t *testing.T, s kv.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"View":   s.View(func(kv.Reader) error { return nil }),
		"Update": s.Update(func(kv.Writer) error { return nil }),
		"Sync":   s.Sync(),
		"Close":  s.Close(),
	} {
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}

func empty(t *testing.T, s kv.Store) {
	Set(t, s, "a", "")
	wantValue(t, s, "a", "")
	err := s.View(func(r kv.Reader) error { return r.Get(nil, func([]byte) error { return nil }) })
	if !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("the empty key: %v, want ErrNotFound", err)
	}
	if err := s.Update(func(w kv.Writer) error { return w.Delete([]byte("none")) }); err != nil {
		t.Errorf("deleting an absent key: %v", err)
	}
}

func deleteSet(t *testing.T, s kv.Store) {
	Set(t, s, "a", "1")
	err := s.Update(func(w kv.Writer) error {
		return errors.Join(w.Delete([]byte("a")), w.Set([]byte("a"), []byte("2")), w.Set([]byte("b"), []byte("2")), w.Delete([]byte("b")))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, "a", "2")
	wantValue(t, s, "b", "absent")
}

func wholeFiles(t *testing.T, s kv.Store) {
	f := s.Files()
	content := func(name string) string {
		b := make([]byte, 4)
		switch err := f.Read(name, b, 1); {
		case errors.Is(err, kv.ErrNotFound):
			return "absent"
		case errors.Is(err, kv.ErrDamaged):
			return "short"
		case err != nil:
			t.Fatal(err)
		}
		return string(b)
	}
	write := func(name string, parts ...[]byte) {
		if err := f.Write(name, parts...); err != nil {
			t.Fatal(err)
		}
	}
	want := func(name, want string) {
		t.Helper()
		if got := content(name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	write("a-1", []byte("abc"), nil, []byte("def"))
	write("a-2", []byte("abcd"))
	want("a-1", "bcde")
	want("a-2", "short")
	want("b", "absent")
	write("a-1", []byte("12345"))
	want("a-1", "2345")
	var names []string
	if err := f.Names(func(name string) error { names = append(names, name); return nil }); err != nil || len(names) != 2 {
		t.Errorf("files %q, %v", names, err)
	}
	for range 2 {
		if err := f.Remove("a-1"); err != nil {
			t.Error(err)
		}
	}
	want("a-1", "absent")
	for _, bad := range []string{"", "A", "../a", "a/b", "a.new", string(make([]byte, kv.FileNameBytesMax+1))} {
		if err := f.Write(bad, nil); err == nil {
			t.Errorf("a file was named %q", bad)
		}
		want(bad, "absent")
	}
}
