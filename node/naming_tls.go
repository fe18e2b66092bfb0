package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/atollnet/atoll/internal/durable"
	"github.com/atollnet/atoll/internal/errs"
)

// dnsPEM holds the key and the certificate that DNS over TLS and HTTPS show
// where none is configured.
const dnsPEM = "dns.pem"

// dnsCertificate returns the certificate for DNS, and its pin: the SHA-256 of
// the key's SubjectPublicKeyInfo in base64 (RFC 7858 section 4.2).
func dnsCertificate(c Config) (*tls.Config, string, error) {
	cert, err := configuredCertificate(c)
	if err != nil {
		return nil, "", err
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, "", errs.New("read certificate", "", errs.Damaged, err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, base64.StdEncoding.EncodeToString(sum[:]), nil
}

func configuredCertificate(c Config) (tls.Certificate, error) {
	if c.DNSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.DNSCert, c.DNSKey)
		if err != nil {
			return cert, errs.New("read certificate", c.DNSCert, errs.Usage, err)
		}
		return cert, nil
	}
	path := filepath.Join(c.Dir, dnsPEM)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = selfSigned(); err == nil {
			err = durable.WriteFile(path, b, 0o600)
		}
	}
	if err != nil {
		return tls.Certificate{}, errs.Wrap("make certificate", path, err)
	}
	cert, err := tls.X509KeyPair(b, b)
	if err != nil {
		return cert, errs.Hint(errs.New("read certificate", path, errs.Damaged, err), "remove the file: a new one is made, with another pin")
	}
	return cert, nil
}

// selfSigned returns a key and a certificate that it signs itself, in PEM.
// Clients know it by its pin, not by its names or its age.
func selfSigned() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "atoll peer"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&out, block); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
