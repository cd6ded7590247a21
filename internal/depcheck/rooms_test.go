package depcheck

// room is a package: its one job, the packages of this module that it may
// import, and whether it is pure.
type room struct {
	name  string
	job   string
	knows string // the packages that it may import, without internal/, separated by spaces
	pure  bool   // no I/O, no clock, no randomness
}

// rooms lists all packages, wing by wing, starting with the command line. A
// package that is missing here fails the test.
var rooms = []room{
	{"cmd/canarize", "`os.Exit(cli.Main(...))`", "cli", false},
	{"internal/cli", "the face of the command line, one file per verb: flags → validated options → call; errors → messages and exit codes", "analysis analysis/lines calibrate canary ci columns dashboard demo demo/stage doctor excerpt hook hub input kube lint manifest metric note plan redact releasefile report rollout route/emissary/model route/emissary/traffic route/gatewayapi/migrate route/gatewayapi/model route/gatewayapi/traffic runner saying similar simulate simulate/peer spool survey wiring", false},
	{"internal/wiring", "names the concrete routers, metric sources and CI systems, and nothing else", "ci ci/azurepipelines ci/github hub kube manifest metric metric/azuremonitor metric/emissary metric/endpoint metric/pods metric/prometheus metric/web rollout route route/emissary/derive route/emissary/examine route/emissary/live route/emissary/model route/emissary/traffic route/gatewayapi/derive route/gatewayapi/model route/gatewayapi/traffic runner survey", false},

	{"internal/input", "files, folders, standard input, kustomizations → objects", "manifest", false},
	{"internal/manifest", "reads, edits and writes YAML keeping comments; object identity; sets of objects", "", true},
	{"internal/manifest/golden", "compares, in tests, what is derived from manifests with stored files", "", false},
	{"internal/object", "small questions to decoded objects: identity, labels, pods; copies with another spec or annotations", "manifest", true},
	{"internal/owner", "who else releases or scales a workload: objects and marks of other programs", "manifest object", true},
	{"internal/note", "what a derivation tells its reader: the names of its warnings, by harm, and which of them the user accepts", "manifest", true},
	{"internal/servicename", "which Services of a cluster a Mapping, a variable or an argument names", "", true},
	{"internal/canary", "stable objects → canary (and baseline) objects: names, labels, selectors, references", "manifest note owner servicename", true},
	{"internal/hook", "which objects are hooks of Helm or Argo CD, and in which order these tools create them", "manifest", true},
	{"internal/harm", "what a second copy beside stable would do: what both share, and what only one can have", "canary manifest note", true},
	{"internal/plan", "manifests → a canary and the plan of its release", "canary harm hook manifest note object redact rollout route", true},
	{"internal/releasefile", "one table of the fields of a release file: the parser, the JSON Schema and the docs come from it", "analysis manifest metric note redact rollout", true},

	{"internal/lint", "finds mistakes in release files and in the pipelines that call canarize", "manifest metric releasefile similar", true},
	{"internal/route", "the two contracts of a traffic router: derive routes from manifests, move traffic in a cluster", "manifest note rollout", true},
	{"internal/route/routetest", "tests what every router must do, on a cluster in memory", "canary manifest manifest/golden note object plan rollout route runner", false},
	{"internal/route/routetest/toy", "the smallest router, for tests: its canary is part of the stable object", "manifest object rollout route", false},
	{"internal/route/emissary/model", "what Emissary does with a set of objects: groups, real shares, names, dropped Mappings", "", true},
	{"internal/route/emissary/derive", "derives the canary Mapping for a stable one, and keeps it in step with it in a cluster", "manifest note object route route/emissary/model servicename", true},
	{"internal/route/emissary/examine", "what `doctor` finds at Emissary: problems of its pods, its CRDs and the Mappings, and changes during a release", "doctor manifest readiness rollout route/emissary/derive route/emissary/model servicename", true},
	{"internal/route/emissary/live", "sets shares in a cluster, and verifies them in every gateway pod", "excerpt kube manifest metric metric/emissary metric/exposition metric/scrape object rollout route route/emissary/derive", false},

	{"internal/analysis", "the judge: takes counts of both versions, returns a decision with its evidence", "", true},
	{"internal/analysis/lines", "the JSON lines of `canarize judge`", "analysis", true},
	{"internal/metric", "the contract of a metric source; counters → the judge's observations", "analysis metric/native", true},
	{"internal/metric/azuremonitor", "counters from Azure Monitor's managed Prometheus, with a token", "metric metric/endpoint metric/prometheus", false},
	{"internal/route/gatewayapi/model", "what a conformant implementation of the Gateway API does with a set of objects: which rule takes a request, real shares, routes that get nothing", "", true},
	{"internal/route/gatewayapi/derive", "derives, for every HTTPRoute and GRPCRoute that leads to a canary, a route that gives the canary its share", "manifest note route route/gatewayapi/model", true},
	{"internal/route/gatewayapi/migrate", "Mappings → routes that the models of both gateways answer alike, and what cannot move", "manifest route/emissary/model route/gatewayapi/model servicename", true},
	{"internal/route/gatewayapi/traffic", "what `traffic` shows of Gateway API routes: what becomes of them, with files and lines", "manifest route/gatewayapi/model", true},
	{"internal/route/emissary/traffic", "what `traffic --live` shows: what Emissary should do with the Mappings of a cluster beside what its pods do", "kube object rollout route/emissary/live route/emissary/model", false},
	{"internal/metric/emissary", "counters from the statistics of every gateway pod's Envoy", "metric metric/exposition metric/scrape", false},
	{"internal/metric/endpoint", "sends requests with credentials to HTTP servers: limited answers, no secret in an error", "excerpt metric redact", false},
	{"internal/metric/exposition", "parses the formats of metrics pages, text and protobuf", "metric/native", true},
	{"internal/metric/metrictest", "tests what every metric source must do", "analysis metric", false},
	{"internal/metric/native", "computes with native histograms: increments, sums over different resolutions, classic histograms", "", true},
	{"internal/metric/pods", "counters from the application's own metrics pages, pod by pod", "metric metric/exposition metric/scrape", false},
	{"internal/metric/prometheus", "counters from Prometheus' raw samples, gauges by PromQL", "manifest metric metric/endpoint metric/native", false},
	{"internal/metric/scrape", "reads the metrics pages of a cluster's pods, through an interface", "metric metric/exposition", false},
	{"internal/metric/web", "counters as JSON from any HTTP server", "analysis analysis/lines metric metric/endpoint", false},

	{"internal/rollout", "decides what happens next to a release: `Decide` and `Next`, with the stored state", "analysis excerpt manifest object redact", true},
	{"internal/rollout/rollouttest", "draws releases at random, by real transitions and the real judge, for tests of what is said about them", "analysis manifest rollout", false},
	{"internal/runner", "the plain loop around `rollout`: observes, stores, acts, through small interfaces it declares; goes on after a crash", "manifest object rollout route", false},
	{"internal/watch", "passes a metric source's counts to the judge, interval by interval, and detects a catastrophe within an interval", "analysis metric rollout", false},
	{"internal/gate", "calls the gates of a release: programs and URLs", "excerpt redact rollout", false},
	{"internal/hub", "a process's connection to one cluster, which all its releases share; implements the interfaces of `runner`", "analysis gate kube manifest metric metric/scrape object owner redact rollout route runner watch", false},

	{"internal/kube", "gets, follows, applies, waits, locks, remembers, tunnels; the only package that writes to a cluster", "excerpt readiness similar", false},
	{"internal/kube/kubetest", "an API server in memory, for tests and the demo", "", false},
	{"internal/readiness", "judges whether an object is ready, and why its pods are not", "", true},

	{"internal/survey", "reads the state of a cluster: releases, and what `doctor` and `plan` need to know", "analysis doctor kube manifest note object owner redact report rollout route runner similar", false},
	{"internal/doctor", "the state of a cluster → findings: what would disturb a release or was left behind, each with what to do", "canary manifest note object owner readiness rollout", true},
	{"internal/doctor/doctortest", "tests what `doctor` finds, with and without gateways", "doctor object", false},

	{"internal/report", "events and records → terminal, log lines, JSON, HTML, Markdown, JUnit", "analysis chart columns doctor look manifest rollout saying simulate", false},
	{"internal/saying", "the table of messages: a stable code for each, what it means and what to do; finds the message in a text", "analysis lint note rollout", true},
	{"internal/page", "the live page: a server on loopback, its view of a release, and hand-written HTML, CSS and modules", "analysis chart look redact report rollout simulate/peer", false},
	{"internal/dashboard", "the releases of a cluster on the live page, from their records; passes on what people say there", "analysis hub kube page redact report rollout runner simulate/peer survey", false},
	{"internal/look", "the style sheet that the report and the live page share", "", true},
	{"internal/chart", "draws simulations and releases as SVG", "", true},
	{"internal/ci", "detects the CI system and its run; the contract of a CI system", "rollout", false},
	{"internal/ci/azurepipelines", "reports to Azure Pipelines: log groups, notices, outputs, summaries", "ci", false},
	{"internal/ci/github", "reports the same to GitHub Actions", "ci", false},

	{"internal/simulate", "runs seeded scenarios against a decider that controls its own weight; the seed is an input", "analysis", false},
	{"internal/calibrate", "runs the judge on the past of a service, in which stable's pods play the canary, and finds the values that fit; the seed is an input", "analysis metric simulate", false},
	{"internal/demo", "releases a version of a small shop in one process: real requests over loopback, the real engine, a cluster in memory", "analysis canary hub kube kube/kubetest manifest object plan releasefile rollout route/emissary/derive route/emissary/live runner simulate/peer wiring", false},
	{"internal/demo/stage", "shows a demo on the live page", "analysis demo page releasefile report rollout runner", false},
	{"internal/simulate/peer", "the rules by which other tools decide, for comparison", "analysis", true},

	{"internal/columns", "fits texts and tables into the columns of a terminal", "", true},
	{"internal/similar", "finds the known name that somebody probably meant", "", true},
	{"internal/excerpt", "shortens texts and keeps what happened and why", "", true},
	{"internal/redact", "removes secrets from foreign texts, addresses, errors and objects", "", true},
	{"internal/spool", "writes to an output that may block, for callers that must not wait", "", false},

	{"app", "the sample application", "", false},
	{"bench", "measures `generate` against its peers", "bench/section", false},
	{"bench/cell", "formats the numbers in the tables of the benchmarks", "simulate", true},
	{"bench/contender", "the deciders that the benchmarks compare, at their defaults and at other thresholds", "analysis simulate simulate/peer", true},
	{"bench/decisions", "measures the judge against its peers", "bench/cell bench/contender bench/section analysis chart simulate", false},
	{"bench/public", "measures the judge against its peers on public data", "bench/cell bench/contender bench/section analysis chart simulate", false},
	{"bench/section", "replaces the measured part of a document", "", false},
	{"test/script", "the command line, by scripts", "cli", false},
	{"test/bundle", "what becomes of applications in the shape of well-known ones, with a review of every line", "canary input manifest note plan route route/emissary/derive", false},
	{"test/pipelines", "azure-pipelines.yml and the Dockerfiles; the templates; logging commands beside Microsoft's formatter", "ci ci/azurepipelines test/pipelines/expand", false},
	{"test/pipelines/expand", "expands Azure Pipelines templates, for tests", "", false},
	{"test/browser", "drives the live page in a real Chromium", "dashboard demo demo/stage page report rollout survey", false},
	{"test/integration", "every example and bundle, `kube` and releases with faults and crashes on a real API server", "analysis doctor kube page readiness report rollout route/emissary/derive route/emissary/live test/faults test/pipelines/expand wiring", false},
	{"test/faults", "injects the faults of networks, busy servers, plugins and people", "", false},
	{"internal/depcheck", "the test of this table", "", false},
}
