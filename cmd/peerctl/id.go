package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tyler-smith/go-bip39"
	"golang.org/x/term"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) idVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "id",
		Short: "Print your own public key; move your keys to another machine",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			id, err := a.peerd.Identity(c.Context())
			if err != nil {
				return err
			}
			return a.show(id, func() error { return a.print("%s", id.Author) })
		},
	}
	c.AddCommand(a.exportVerb(), a.importVerb())
	return c
}

func (a *app) exportVerb() *cobra.Command {
	from := ""
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write your keys, volumes and petnames to a sealed file",
		Long: `Write your keys, with all volumes and petnames, to FILE, sealed with a passphrase: the
first line of --passphrase-file, or twelve words that are drawn and printed. Keep the
words apart from the file. peerctl id import reads it on another machine.

Export again when you have made a volume: the file knows those of its day.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.export(c.Context(), args[0], from) },
	}
	c.Flags().StringVar(&from, "passphrase-file", "", "seal with the first line of this `file`; - is standard input")
	return c
}

func (a *app) export(ctx context.Context, file, from string) error {
	passphrase, drawn, err := a.sealWith(from)
	if err != nil {
		return err
	}
	sealed, err := a.peerd.Export(ctx, api.ExportRequest{Passphrase: passphrase})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return local.Failure("write", file, err)
	}
	_, err = out.Write(sealed.Keys)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return local.Failure("write", file, err)
	}
	a.say("%s: your keys, sealed", api.Path(file))
	words := map[string]string{}
	if drawn {
		a.say("peerctl: these words open it; they are not shown again")
		words["words"] = passphrase
	}
	return a.show(words, func() error {
		if !drawn {
			return nil
		}
		return a.print("%s", passphrase)
	})
}

// wordsBits is the strength of a drawn passphrase: twelve words.
const wordsBits = 128

// sealWith returns the passphrase that a file gives, or fresh words.
func (a *app) sealWith(from string) (passphrase string, drawn bool, err error) {
	if from != "" {
		passphrase, err = a.passphrase(from)
		return passphrase, false, err
	}
	entropy, err := bip39.NewEntropy(wordsBits)
	if err == nil {
		passphrase, err = bip39.NewMnemonic(entropy)
	}
	return passphrase, true, err
}

func (a *app) importVerb() *cobra.Command {
	from := ""
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over keys that peerctl id export wrote",
		Long: `Take over the keys, volumes and petnames in FILE. The passphrase or the twelve words are
the first line of --passphrase-file, or asked for. A peer serves one person: one that
has volumes of somebody else refuses.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.importKeys(c.Context(), args[0], from) },
	}
	c.Flags().StringVar(&from, "passphrase-file", "", "open with the first line of this `file`; - is standard input")
	return c
}

func (a *app) importKeys(ctx context.Context, file, from string) error {
	sealed, err := os.ReadFile(file)
	if err != nil {
		return local.Failure("read", file, err)
	}
	passphrase, err := a.passphrase(from)
	if err != nil {
		return err
	}
	done, err := a.peerd.Import(a.listening(ctx), api.ImportRequest{Passphrase: passphrase}, bytes.NewReader(sealed))
	if err != nil {
		return err
	}
	a.say("peerctl: this peer serves %s now, with %s", done.Author, count(len(done.Volumes), "volume that is new here", "volumes that are new here"))
	return a.show(done, func() error {
		for _, petname := range done.Volumes {
			if err := a.print("%s:", petname); err != nil {
				return err
			}
		}
		return nil
	})
}

// passphraseBytesMax bounds a passphrase.
const passphraseBytesMax = 4096

// passphrase reads a passphrase: the first line of a file, or of the terminal,
// where nobody sees it. Words may have any spaces between them.
func (a *app) passphrase(from string) (string, error) {
	if from == "" {
		return a.askPassphrase()
	}
	in := a.in
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return "", local.Failure("read a passphrase", from, err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, passphraseBytesMax))
	if err != nil {
		return "", local.Failure("read a passphrase", from, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return checkPassphrase(line)
}

func (a *app) askPassphrase() (string, error) {
	in, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", usage("there is no terminal to ask for the passphrase: name a file with --passphrase-file")
	}
	fmt.Fprint(a.err, "passphrase or words: ")
	b, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.err)
	if err != nil {
		return "", local.Failure("read a passphrase", "terminal", err)
	}
	return checkPassphrase(string(b))
}

func checkPassphrase(line string) (string, error) {
	line = strings.TrimRight(line, "\r\n")
	if words := strings.ToLower(strings.Join(strings.Fields(line), " ")); bip39.IsMnemonicValid(words) {
		line = words
	}
	if line == "" {
		return "", errs.Newf("read a passphrase", "", errs.Usage, "it is empty")
	}
	return line, nil
}
