package apitest

import (
	"io"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (v *volumeTest) append(path api.Path, body io.Reader) (api.PutResult, error) {
	return v.b.Append(v.ctx(), api.AppendRequest{Ref: v.ref(path), Mode: 0o600}, body)
}

// appending holds a backend to appending what comes when it comes.
func (v *volumeTest) appending() {
	made, err := v.append("/log", strings.NewReader("one\n"))
	if err != nil || made.Bytes != 4 || made.Previous != 0 || made.State != api.Ordered || made.Path != "/log" {
		v.t.Fatalf("append: %+v, %v", made, err)
	}
	more, err := v.append("/log", strings.NewReader("two"))
	if err != nil || more.Version != made.Version+1 || more.Previous != made.Version || more.Reference != made.Reference {
		v.t.Errorf("append again: %+v, %v", more, err)
	}
	v.holds(made.Reference, []byte("one\ntwo"))
	v.holds(made.Pinned, []byte("one\n"))
	e, err := v.b.Stat(v.ctx(), api.ReadRequest{Ref: v.ref("/log")})
	if err != nil || e.Version != more.Version || e.Mode != 0o600 || e.Size != 7 {
		v.t.Errorf("stat: %+v, %v", e, err)
	}
	if same, err := v.append("/log", strings.NewReader("")); err != nil || !same.Unchanged || same.Version != more.Version {
		v.t.Errorf("nothing appended: %+v, %v", same, err)
	}
	v.appendsAtOnce()
	v.mkdir("/d")
	for _, path := range []api.Path{"/d", "/", "/d/new/"} {
		_, err = v.b.Append(v.ctx(), api.AppendRequest{Ref: v.name + ":" + string(path)}, strings.NewReader("x\n"))
		v.fails(err, errs.Usage, "append to a directory")
	}
	_, err = v.b.Append(v.ctx(), api.AppendRequest{Ref: made.Pinned}, strings.NewReader("x\n"))
	v.fails(err, errs.Usage, "append to an earlier version")
	_, err = v.append("/gone/log", strings.NewReader("x\n"))
	v.fails(err, errs.NotFound, "append where there is no directory")
}

// appendsAtOnce: a line is there before the next comes, and stays when the
// caller breaks off.
func (v *volumeTest) appendsAtOnce() {
	body, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := v.append("/open", body)
		done <- err
	}()
	want := ""
	for _, line := range []string{"a\n", "b\n"} {
		want += line
		if _, err := io.WriteString(in, line); err != nil {
			v.t.Fatal(err)
		}
		for got := ""; got != want; {
			b, err := v.read(api.ReadRequest{Ref: v.ref("/open")})
			if err != nil && errs.KindOf(err) != errs.NotFound {
				v.t.Fatal(err)
			}
			got = string(b)
		}
	}
	if _, err := io.WriteString(in, "half a line"); err != nil {
		v.t.Fatal(err)
	}
	in.CloseWithError(errs.New("", "", errs.Interrupted, io.ErrClosedPipe))
	v.fails(<-done, errs.Interrupted, "append whose caller gives up")
	v.holds(v.ref("/open"), []byte(want))
}
