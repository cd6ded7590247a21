package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	serviceRange = "10.96.0.0/16"
	validity     = 365 * 24 * time.Hour
)

// keys are the files of a throw-away certificate authority.
type keys struct {
	caCert                    string
	serverCert, serverKey     string
	adminCert, adminKey       string // in system:masters
	accountPublic, accountKey string // sign and check service account tokens
}

// writeKeys makes all keys and certificates in dir.
func writeKeys(dir string) (keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keys{}, fmt.Errorf("make the folder of the certificates: %w", err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	k := keys{
		caCert:        path("ca.crt"),
		serverCert:    path("apiserver.crt"),
		serverKey:     path("apiserver.key"),
		adminCert:     path("admin.crt"),
		adminKey:      path("admin.key"),
		accountPublic: path("service-accounts.pub"),
		accountKey:    path("service-accounts.key"),
	}
	ca, err := newAuthority(k.caCert)
	if err != nil {
		return keys{}, err
	}
	server := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.ParseIP(loopback), net.IPv6loopback, net.ParseIP("10.96.0.1")},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local"},
	}
	if err := ca.issue(server, k.serverCert, k.serverKey); err != nil {
		return keys{}, err
	}
	admin := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := ca.issue(admin, k.adminCert, k.adminKey); err != nil {
		return keys{}, err
	}
	return k, writeAccountKeys(k)
}

func writeAccountKeys(k keys) error {
	key, err := newKey(k.accountKey)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return writePEM(k.accountPublic, "PUBLIC KEY", public)
}

// authority signs certificates; its own key is nowhere but in memory.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(certPath string) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "canarize test cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := authority{cert: template, key: key}
	der, err := a.sign(template, &key.PublicKey)
	if err != nil {
		return authority{}, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return authority{}, err
	}
	return a, writePEM(certPath, "CERTIFICATE", der)
}

func (a authority) issue(template *x509.Certificate, certPath, keyPath string) error {
	key, err := newKey(keyPath)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := a.sign(template, &key.PublicKey)
	if err != nil {
		return err
	}
	return writePEM(certPath, "CERTIFICATE", der)
}

func (a authority) sign(template *x509.Certificate, public *ecdsa.PublicKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Minute)
	template.NotAfter = time.Now().Add(validity)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return der, nil
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write a certificate or key: %w", err)
	}
	return nil
}
