package metric

import "time"

// SourceName is the name of a metric source in a release file.
type SourceName string

// The metric sources.
const (
	Emissary     SourceName = "emissary"
	Prometheus   SourceName = "prometheus"
	Pods         SourceName = "pods"
	Web          SourceName = "web"
	AzureMonitor SourceName = "azuremonitor"
)

// SourceNames returns the names of all metric sources, the default first.
func SourceNames() []SourceName {
	return []SourceName{Emissary, Prometheus, Pods, Web, AzureMonitor}
}

// Config determines which source counts which metrics.
type Config struct {
	Source  SourceName
	Timeout time.Duration // of one reading
	Access  Access        // for sources with an address
	Queries []Query       // for sources with labels

	// Canary and Stable are the labels that distinguish the versions'
	// Prometheus series. If they are nil, the names of the pods distinguish
	// them.
	Canary, Stable []Matcher
	PodLabel       string // the label with the name of the application's pod; "" if there is none

	Port int    // of the pods' metrics
	Path string // of the pods' metrics
}

// DefaultTimeout limits one reading. DefaultPath is the usual path of a pod's
// metrics.
const (
	DefaultTimeout = 10 * time.Second
	DefaultPath    = "/metrics"
)

// DefaultConfig returns the source of a release file that names none.
func DefaultConfig() Config {
	return Config{Source: Emissary, Timeout: DefaultTimeout, Path: "/metrics"}
}

// Access describes how to reach an HTTP endpoint.
type Access struct {
	Address  string // a URL
	Bearer   Secret
	User     string // for basic authentication, with Password
	Password Secret
	Headers  map[string]Secret
	TLS      TLS
}

// TLS names PEM files. ServerName is the name in the server's certificate if it
// differs from the address. An empty CA means the CAs of the system.
type TLS struct{ CA, Cert, Key, ServerName string }

// Secret says where to find a secret. It is read for every request, because
// token files are renewed. Value is for headers that are not secret.
type Secret struct{ Value, File, Env string }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }
