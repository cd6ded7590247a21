package cli

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/wiring"
)

// emissaryFlags are the unparsed flags that identify an installation of Emissary.
type emissaryFlags struct{ namespace, version string }

// register adds the flags.
func (f *emissaryFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.namespace, "emissary-namespace", "emissary", "`NAMESPACE` of Emissary")
	flags.StringVar(&f.version, "emissary-version", "", fmt.Sprintf("`VERSION` of Emissary, for which shares are computed: after %s TCPMappings have other shares (default %[1]s)", newest()))
}

// newest returns the default version.
func newest() string {
	v := model.Newest()
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}

// complete sets flags that were not given from the release file.
func (f *emissaryFlags) complete(c *configFlag) {
	setFromFile(c, "emissary-namespace", &f.namespace, c.release.EmissaryNamespace)
	setFromFile(c, "emissary-version", &f.version, c.release.EmissaryVersion)
}

// parse parses the flags.
func (f emissaryFlags) parse() (wiring.Emissary, error) {
	e := wiring.Emissary{Namespace: f.namespace}
	if f.version == "" {
		return e, nil
	}
	var err error
	if e.Version, err = model.ParseVersion(f.version); err != nil {
		err = fmt.Errorf("--emissary-version %q: %w", f.version, err)
	}
	return e, err
}
