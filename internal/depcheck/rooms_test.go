package depcheck

// room is a package: its one job, whom it may import of this module, and whether it is
// pure.
type room struct {
	name  string
	job   string
	knows string // names without internal/, separated by blanks
	pure  bool   // it decides: no I/O, no clock, no chance
}

// rooms are all packages, wing by wing, from the faces down. A package that is not here
// fails the test.
var rooms = []room{
	{"cmd/canarize", "`os.Exit(cli.Main(...))`", "cli", false},
	{"internal/cli", "the face of the command line, one file per verb: flags → validated options → call; errors → messages and exit codes", "analysis analysis/lines canary ci doctor hub input kube manifest plan redact releasefile report rollout route/emissary/model runner simulate spool survey wiring", false},
	{"internal/wiring", "names the concrete routers, metric sources and CI systems, and nothing else", "ci ci/azurepipelines ci/github hub kube manifest metric metric/azuremonitor metric/emissary metric/endpoint metric/pods metric/prometheus metric/web rollout route route/emissary/derive route/emissary/examine route/emissary/live route/emissary/model runner survey", false},

	{"internal/input", "files, folders, standard input, kustomizations → objects", "manifest", false},
	{"internal/manifest", "reads, edits and writes YAML keeping comments; object identity; sets of objects", "", true},
	{"internal/object", "small questions to decoded objects: identity, labels, pods", "manifest", true},
	{"internal/canary", "stable objects → canary (and baseline) objects: names, labels, selectors, references", "manifest", true},
	{"internal/plan", "manifests → a canary, and the plan of its release", "canary manifest object redact rollout route", true},
	{"internal/releasefile", "one table of what a release file holds: the parser, the JSON Schema and the docs are made of it", "analysis manifest metric redact rollout", true},

	{"internal/route", "the two contracts of a traffic router: derive routes from manifests, move traffic in a cluster", "manifest rollout", true},
	{"internal/route/routetest", "what every router has to do, as a test, on a cluster in memory", "canary manifest object plan rollout route runner", false},
	{"internal/route/routetest/toy", "the smallest router, for tests: its canary is a part of the stable object", "manifest object rollout route", false},
	{"internal/route/emissary/model", "what Emissary does with a set of objects: groups, real shares, names, what is dropped", "", true},
	{"internal/route/emissary/derive", "the canary Mapping for a stable one, and what it has to be in a cluster", "manifest object route route/emissary/model", true},
	{"internal/route/emissary/examine", "what `doctor` says of Emissary: its pods and CRDs, what it makes of the Mappings, what changed during a release", "doctor manifest readiness rollout route/emissary/derive route/emissary/model", true},
	{"internal/route/emissary/live", "moves shares in a cluster, and asks every gateway pod whether they are real", "kube manifest metric metric/emissary metric/exposition metric/scrape object rollout route route/emissary/derive", false},

	{"internal/analysis", "the judge: counts of both versions in, a decision with its evidence out", "", true},
	{"internal/analysis/lines", "the JSON lines of `canarize judge`", "analysis", true},
	{"internal/metric", "what a metric source fulfils; counters that were read → the judge's observations", "analysis", true},
	{"internal/metric/azuremonitor", "counters from Azure Monitor's managed Prometheus, with a token", "metric metric/endpoint metric/prometheus", false},
	{"internal/metric/emissary", "counters from the statistics of every gateway pod's Envoy", "metric metric/exposition metric/scrape", false},
	{"internal/metric/endpoint", "asks HTTP servers with credentials: bounded answers, no secret in an error", "excerpt metric redact", false},
	{"internal/metric/exposition", "reads the text by which programs show their metrics", "", true},
	{"internal/metric/metrictest", "what every metric source has to do, as a test", "analysis metric", false},
	{"internal/metric/pods", "counters from the application's own pages of metrics, pod by pod", "metric metric/exposition metric/scrape", false},
	{"internal/metric/prometheus", "counters from Prometheus' raw samples, gauges by PromQL", "manifest metric metric/endpoint", false},
	{"internal/metric/scrape", "reads the pages of metrics of a cluster's pods, through an interface", "metric metric/exposition", false},
	{"internal/metric/web", "counters as JSON from any program with an address", "analysis analysis/lines metric metric/endpoint", false},

	{"internal/rollout", "what happens next to a release: `Decide` and `Next`, with all that is remembered", "analysis excerpt manifest object redact", true},
	{"internal/runner", "the plain loop around `rollout`: observes, stores, acts, through small interfaces it declares; goes on after a crash", "manifest object rollout route", false},
	{"internal/watch", "shows the judge what a metric source counts, interval by interval, and looks for a catastrophe within them", "analysis metric rollout", false},
	{"internal/gate", "asks the gates of a release: programs and URLs", "excerpt redact rollout", false},
	{"internal/hub", "a process's connection to one cluster, which all its releases share; fulfils the interfaces of `runner`", "analysis gate kube manifest metric metric/exposition metric/scrape object redact rollout route runner watch", false},

	{"internal/kube", "gets, follows, applies, waits, locks, remembers, tunnels; the only package that writes to a cluster", "readiness", false},
	{"internal/kube/kubetest", "an API server in memory, for tests", "", false},
	{"internal/readiness", "whether a cluster has done what an object asks for, and what keeps its pods from it", "", true},

	{"internal/survey", "looks at what stands in a cluster: releases, and what `doctor` and `plan` need to know", "analysis doctor kube manifest object redact report rollout runner", false},
	{"internal/doctor", "what was seen in a cluster → what would disturb a release or was left behind, each with what to do", "canary manifest object readiness rollout", true},

	{"internal/report", "events and records → terminal, log lines, JSON, HTML, Markdown, JUnit", "chart doctor manifest rollout simulate", false},
	{"internal/chart", "draws simulations and releases as SVG", "", true},
	{"internal/ci", "which run of which CI system this is; what a CI system can be told", "rollout", false},
	{"internal/ci/azurepipelines", "tells Azure Pipelines: log groups, notices, outputs, summaries", "ci", false},
	{"internal/ci/github", "tells GitHub Actions the same", "ci", false},

	{"internal/simulate", "seeded scenarios against a decider that controls its own weight; the seed is an input", "analysis", false},
	{"internal/simulate/peer", "the rules by which other tools decide, for comparison", "analysis", true},

	{"internal/excerpt", "shortens texts so that they still say what happened and why", "", true},
	{"internal/redact", "takes secrets out of what others wrote: texts, addresses, errors, objects", "", true},
	{"internal/spool", "writes to an output that may be stuck, for those who must not wait", "", false},

	{"app", "the sample application that gets released", "", false},
	{"bench", "measures `generate` against its peers", "bench/section", false},
	{"bench/decisions", "measures the judge against its peers", "bench/section analysis chart simulate simulate/peer", false},
	{"bench/section", "rewrites a measured part of a document", "", false},
	{"test/script", "the command line, by scripts", "cli", false},
	{"test/pipelines", "azure-pipelines.yml and the Dockerfiles; the templates; logging commands beside Microsoft's formatter", "ci ci/azurepipelines test/pipelines/expand", false},
	{"test/pipelines/expand", "expands Azure Pipelines templates, for tests", "", false},
	{"test/integration", "every example, `kube` and releases with faults and crashes on a real API server", "analysis doctor kube readiness report rollout route/emissary/derive route/emissary/live test/faults test/pipelines/expand wiring", false},
	{"test/faults", "what networks, busy servers, plugins and people do to a release", "", false},
	{"internal/depcheck", "the test of this table", "", false},
}
