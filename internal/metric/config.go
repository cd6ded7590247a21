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

// SourceNames are the names of all metric sources, the default first.
func SourceNames() []SourceName {
	return []SourceName{Emissary, Prometheus, Pods, Web, AzureMonitor}
}

// Config says which source counts what.
type Config struct {
	Source  SourceName
	Timeout time.Duration // of one reading
	Access  Access        // of sources that have an address
	Queries []Query       // of sources that have labels

	// Canary and Stable are the labels by which Prometheus' series of the versions are
	// told apart; nil means by the names of their pods.
	Canary, Stable []Matcher
	PodLabel       string // the label that has the name of the application's pod; "" when none has

	Port int    // of the pods' metrics
	Path string // of the pods' metrics
}

// DefaultTimeout bounds one reading.
const DefaultTimeout = 10 * time.Second

// DefaultConfig is the source of a release file that names none.
func DefaultConfig() Config {
	return Config{Source: Emissary, Timeout: DefaultTimeout, Path: "/metrics"}
}

// Access says how an HTTP endpoint is reached.
type Access struct {
	Address  string // a URL
	Bearer   Secret
	User     string // for basic authentication, with Password
	Password Secret
	Headers  map[string]Secret
	TLS      TLS
}

// TLS names files, in PEM, and the name that the server's certificate has to have
// where it is not that of the address. CA "" means those of the system.
type TLS struct{ CA, Cert, Key, ServerName string }

// Secret says where a secret is: it is looked up each time, since files of tokens
// are renewed. Value is for headers that are none.
type Secret struct{ Value, File, Env string }

// IsZero says whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }
