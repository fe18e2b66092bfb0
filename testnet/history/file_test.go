package history

import (
	"testing"
	"time"
)

// ops gives operations their times: each ends before the next begins.
func ops(all ...FileOp) []FileOp {
	for i := range all {
		all[i].File, all[i].Began, all[i].Ended = "f", int64(2*i+1), int64(2*i+2)
	}
	return all
}

// atOnce gives all operations the same time.
func atOnce(all ...FileOp) []FileOp {
	for i := range all {
		all[i].File, all[i].Began, all[i].Ended = "f", 1, 2
	}
	return all
}

func TestFileHistories(t *testing.T) {
	read := func(text string, v uint64) FileOp { return FileOp{Kind: Read, Text: text, Version: v, Result: Done} }
	none := FileOp{Kind: Read, Result: Refused}
	write := func(kind FileKind, text string, v uint64) FileOp {
		return FileOp{Kind: kind, Text: text, Version: v, Result: Done}
	}
	given := func(op FileOp, v uint64) FileOp { op.If = v; return op }
	refused := func(op FileOp) FileOp { op.Result, op.Version = Refused, 0; return op }
	unheard := func(op FileOp) FileOp { op.Result, op.Version = Unheard, 0; return op }
	a, b := write(Put, "a", 1), write(AppendText, "b", 2)
	for _, c := range []struct {
		name string
		all  []FileOp
		ok   bool
	}{
		{"nothing", nil, true},
		{"written and read", ops(none, a, read("a", 1), b, read("ab", 2)), true},
		{"a read that is stale", ops(a, b, read("a", 1)), false},
		{"a read of what is not there yet", ops(a, read("ab", 2), b), false},
		{"not there, but it was", ops(a, none), false},
		{"lost", ops(a, b, read("b", 2)), false},
		{"twice", ops(a, b, read("abb", 2)), false},
		{"another version", ops(a, read("a", 7)), false},
		{"versions that go back", ops(write(Put, "a", 5), write(AppendText, "b", 4)), false},
		{"two appends in one version", ops(write(AppendText, "x", 2), write(AppendText, "y", 2), read("xy", 2)), true},
		{"two appends at once", append(atOnce(write(AppendText, "x", 2), write(AppendText, "y", 1)), FileOp{File: "f", Began: 3, Ended: 4, Kind: Read, Text: "yx", Version: 2, Result: Done}), true},
		{"two appends at once, one torn", append(atOnce(write(AppendText, "xx", 2), write(AppendText, "y", 1)), FileOp{File: "f", Began: 3, Ended: 4, Kind: Read, Text: "xyx", Version: 2, Result: Done}), false},
		{"one of two makes it", atOnce(write(PutIfAbsent, "x", 1), refused(write(PutIfAbsent, "y", 0))), true},
		{"both make it", atOnce(write(PutIfAbsent, "x", 1), write(PutIfAbsent, "y", 2)), false},
		{"none makes it", atOnce(refused(write(PutIfAbsent, "x", 1)), refused(write(PutIfAbsent, "y", 2))), false},
		{"unchanged since", ops(a, given(write(PutIfVersion, "c", 2), 1)), true},
		{"changed since, and written", ops(a, b, given(write(PutIfVersion, "c", 3), 1)), false},
		{"changed since, and refused", ops(a, b, given(refused(write(PutIfVersion, "c", 3)), 1)), true},
		{"unchanged since, and refused", ops(a, given(refused(write(PutIfVersion, "c", 3)), 1)), false},
		{"never heard of, and done", ops(a, unheard(b), read("ab", 2)), true},
		{"never heard of, and done late", ops(a, unheard(b), read("a", 1), read("ab", 2)), true},
		{"never heard of, and never done", ops(a, unheard(b), read("a", 1)), true},
		{"never heard of, and undone", ops(a, unheard(b), read("ab", 2), read("a", 1)), false},
		{"never heard of, then on a condition", ops(a, unheard(b), given(write(PutIfVersion, "c", 3), 2), read("c", 3)), true},
		{"a read never answered", ops(unheard(read("x", 9)), a), true},
	} {
		if err := FilesLinearizable(c.all, time.Second); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
