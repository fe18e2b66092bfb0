package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/internal/api"
)

// PartialBytesMin is the size of a file, in bytes, from which on a broken fetch of
// it is gone on with.
const PartialBytesMin = 16 << 20

// partialSyncBytes is how much is written until it is made sure that it stays,
// whatever happens to the machine.
const partialSyncBytes = 64 << 20

// Partial is a large file on its way into a directory, which outlives this
// program if it breaks off. How much of it is surely there stands in a note
// beside it.
type Partial struct {
	d       *Dir
	temp    string
	entry   api.Entry
	file    *os.File
	written int64
	synced  int64
}

const noteSuffix = "-ok"

// Resume starts a file, or goes on with what another start with this source left
// of the same version of the entry. What one left of other versions is removed.
func (d *Dir) Resume(source, name string, e api.Entry) (*Partial, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	stem := temporaryPrefix + digest(source, name) + "-"
	p := &Partial{d: d, entry: e, temp: stem + fmt.Sprintf("%d-%d", e.Version, e.Size)}
	names, err := d.names()
	for _, n := range names {
		if strings.HasPrefix(n, stem) && n != p.temp && n != p.temp+noteSuffix {
			err = errors.Join(err, d.root.Remove(n))
		}
	}
	if err == nil {
		p.file, err = d.root.OpenFile(p.temp, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if err := p.goOn(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

func (d *Dir) names() ([]string, error) {
	again, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	names, err := again.Readdirnames(-1)
	return names, errors.Join(err, again.Close())
}

// goOn finds out how much is there.
func (p *Partial) goOn() error {
	note, err := p.d.root.ReadFile(p.temp + noteSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(note), 10, 64); err == nil && n >= 0 && n <= min(info.Size(), p.entry.Size) {
		p.written, p.synced = n, n
	}
	if err := p.file.Truncate(p.written); err != nil {
		return err
	}
	_, err = p.file.Seek(p.written, io.SeekStart)
	return err
}

// Done returns how many bytes are there, in the order of the file.
func (p *Partial) Done() int64 { return p.written }

// ReadFrom writes what comes next in the file.
func (p *Partial) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		part, err := io.CopyBuffer(struct{ io.Writer }{p.file}, io.LimitReader(r, partialSyncBytes), p.d.buffer)
		n += part
		p.written += part
		if err != nil || part < partialSyncBytes {
			return n, err
		}
		if err := p.sync(); err != nil {
			return n, err
		}
	}
}

func (p *Partial) sync() error {
	if p.written == p.synced {
		return nil
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.synced = p.written
	return p.d.root.WriteFile(p.temp+noteSuffix, []byte(strconv.FormatInt(p.synced, 10)), 0o600)
}

// Finish gives the file, which must be whole, its name.
func (p *Partial) Finish(name string) error {
	if p.written != p.entry.Size {
		return fmt.Errorf("%d bytes came of %d", p.written, p.entry.Size)
	}
	err := errors.Join(p.file.Chmod(p.d.mode(p.entry.Mode)), p.file.Close())
	if err == nil {
		err = setTime(p.d.file, p.temp, p.entry.ModTime)
	}
	if err == nil {
		err = p.d.root.Rename(p.temp, name)
	}
	if err == nil && p.synced > 0 {
		err = p.d.root.Remove(p.temp + noteSuffix)
	}
	return err
}

// Keep breaks off, and reports whether anything is left to go on with.
func (p *Partial) Keep() (kept bool, err error) {
	err = p.sync()
	if close := p.file.Close(); err == nil {
		err = close
	}
	if p.synced == 0 {
		return false, errors.Join(err, p.d.root.Remove(p.temp))
	}
	return true, err
}
