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
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
)

const validity = 365 * 24 * time.Hour

// pair holds the paths of a certificate and its key.
type pair struct{ cert, key string }

// keys holds the paths of the files of a temporary certificate authority.
type keys struct {
	caCert                    string
	server                    pair
	admin                     pair   // in system:masters
	accountPublic, accountKey string // sign and check service account tokens

	// Only with a node:
	toKubelet, manager, scheduler, kubelet, kubeProxy pair
}

// clientName is the subject of a client's certificate.
type clientName struct{ name, group string }

// writeKeys writes all keys and certificates to dir. The server's certificate is valid for
// the addresses and for those of this machine.
func writeKeys(dir string, addresses ...netip.Addr) (keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keys{}, fmt.Errorf("make the folder of the certificates: %w", err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	files := func(name string) pair { return pair{path(name + ".crt"), path(name + ".key")} }
	k := keys{
		caCert:        path("ca.crt"),
		server:        files("apiserver"),
		admin:         files("admin"),
		accountPublic: path("service-accounts.pub"),
		accountKey:    path("service-accounts.key"),
		toKubelet:     files("apiserver-to-kubelet"),
		manager:       files("controller-manager"),
		scheduler:     files("scheduler"),
		kubelet:       files("kubelet"),
		kubeProxy:     files("kube-proxy"),
	}
	ca, err := newAuthority(k.caCert)
	if err != nil {
		return keys{}, err
	}
	server := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.ParseIP(launch.Loopback), net.IPv6loopback},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local"},
	}
	for _, a := range addresses {
		server.IPAddresses = append(server.IPAddresses, a.AsSlice())
	}
	if err := ca.issue(server, k.server); err != nil {
		return keys{}, err
	}
	for files, who := range map[pair]clientName{
		k.admin:     {"admin", "system:masters"},
		k.toKubelet: {"kube-apiserver", "system:masters"},
		k.manager:   {"system:kube-controller-manager", ""},
		k.scheduler: {"system:kube-scheduler", ""},
		k.kubelet:   {"system:node:" + node.Name, "system:nodes"},
		k.kubeProxy: {"system:kube-proxy", ""},
	} {
		if err := ca.issueClient(who, files); err != nil {
			return keys{}, err
		}
	}
	return k, writeAccountKeys(k)
}

func (a authority) issueClient(who clientName, files pair) error {
	subject := pkix.Name{CommonName: who.name}
	if who.group != "" {
		subject.Organization = []string{who.group}
	}
	return a.issue(&x509.Certificate{Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, files)
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

// authority signs certificates; its own key exists only in memory.
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

func (a authority) issue(template *x509.Certificate, files pair) error {
	key, err := newKey(files.key)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := a.sign(template, &key.PublicKey)
	if err != nil {
		return err
	}
	return writePEM(files.cert, "CERTIFICATE", der)
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
