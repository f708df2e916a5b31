//go:build linux

package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// upstream is a Secrets Manager behind TLS and a network that can break.
type upstream struct {
	*awstest.SecretsManager
	world *world
	wire  *awstest.Wire
	roots string // the file that AWS_CA_BUNDLE names

	untrusted atomic.Bool // the certificate is another's
	resets    atomic.Bool
	calls     atomic.Int64 // that came through, broken ones too
}

func newUpstream(t testing.TB, w *world, dir string) *upstream {
	t.Helper()
	u := &upstream{SecretsManager: awstest.NewHandler(), world: w, roots: filepath.Join(dir, "roots.pem")}
	good, bad := certificate(t), certificate(t)
	if err := os.WriteFile(u.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Certificate[0]}), 0o644); err != nil {
		t.Fatal(err)
	}
	// With keys of their own no session of one is resumed under the other.
	trusted, other := serverConfig(good), serverConfig(bad)
	config := trusted.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if u.untrusted.Load() {
			return other, nil
		}
		return trusted, nil
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.wire = awstest.NewWire(l.Addr().String())
	server := &http.Server{Handler: u, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(tls.NewListener(l, config)) }()
	t.Cleanup(func() {
		u.Close()
		u.wire.Close()
		server.Close()
	})
	return u
}

func serverConfig(c tls.Certificate) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: []string{"http/1.1"}}
	var key [32]byte
	copy(key[:], rand.Text()+rand.Text())
	config.SetSessionTicketKeys([][32]byte{key})
	return config
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (u *upstream) env() []string {
	_, port, _ := net.SplitHostPort(u.wire.Addr())
	return []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=https://" + net.JoinHostPort(host, port), "AWS_CA_BUNDLE=" + u.roots}
}

// signatureAge is how old or how far ahead a signature may be.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
const signatureAge = 5 * time.Minute

// ServeHTTP has the time of the world, and refuses a signature of another time.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.calls.Add(1)
	now := u.world.now().UTC()
	w.Header().Set("Date", now.Format(http.TimeFormat))
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch {
	case u.resets.Load():
		reset(w)
	case err != nil || now.Sub(signed).Abs() > signatureAge:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "InvalidSignatureException", "message": "Signature expired or not yet current: " + r.Header.Get("X-Amz-Date")})
	default:
		u.SecretsManager.ServeHTTP(w, r)
	}
}

// reset breaks the connection below TLS, which would say goodbye.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if below, is := c.(*tls.Conn); is {
		c = below.NetConn()
	}
	if t, is := c.(*net.TCPConn); is {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// value is the n-th value of the secret. Its text is in no log.
func value(n int) string {
	return strings.ReplaceAll(`{"PASSWORD":"`+canary+`-N"}`, "N", string(rune('0'+n)))
}

// canary is a part of every value.
const canary = "canary-4711"
