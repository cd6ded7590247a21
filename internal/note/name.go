package note

import "slices"

// Name is the stable name of a kind of warning. It does not change between versions of
// canarize, because release files accept warnings by it.
type Name string

// The names, from the most harmful to the least.
const (
	SharedClaim       Name = "shared-claim"
	Recreate          Name = "recreate"
	LeaderElection    Name = "leader-election"
	SharedWork        Name = "shared-work"
	SharedMetric      Name = "shared-metric"
	OtherScaler       Name = "other-scaler"
	HostPort          Name = "host-port"
	HostNetwork       Name = "host-network"
	GeneratedConfig   Name = "generated-config"
	SharedIdentity    Name = "shared-identity"
	ForeignSelector   Name = "foreign-selector"
	PeerPolicy        Name = "peer-policy"
	OtherResolver     Name = "other-resolver"
	StickySession     Name = "sticky-session"
	GeneratedRoute    Name = "generated-route"
	UnreachedRoute    Name = "unreached-route"
	UncertainShare    Name = "uncertain-share"
	StableAddress     Name = "stable-address"
	UnpinnedImage     Name = "unpinned-image"
	ImageLeft         Name = "image-left"
	PausedWorkload    Name = "paused-workload"
	SharedBudget      Name = "shared-budget"
	UnreadableMonitor Name = "unreadable-monitor"
)

// meanings explains the names, in the order of their harm.
var meanings = []struct {
	name    Name
	meaning string
}{
	{SharedClaim, "The canary mounts a volume that stable mounts too, such as a PersistentVolumeClaim or a path of a node: two versions write the same files, or the canary's pod cannot start on another node."},
	{Recreate, "The strategy of the workload is Recreate: its authors say that two versions must not run at the same time."},
	{LeaderElection, "The pods elect a leader, and the canary takes part: it may do all the work whatever its weight, or none of it and look healthy."},
	{SharedWork, "Work passes between the versions whatever the weight: the pods share a queue, or a job of the old version runs beside the new one."},
	{SharedMetric, "The canary's autoscaler follows a metric that is not the canary's own, so it scales with stable's load, or not at all."},
	{OtherScaler, "An object of a kind that canarize does not copy acts on the stable workload, such as by its number of pods or their resources, but not on its canary."},
	{HostPort, "The pods use ports of their node, so a canary pod needs a node without a stable pod."},
	{HostNetwork, "The pods use the network of their node, so a canary pod needs a node without a stable pod."},
	{GeneratedConfig, "A controller or a hook makes a ConfigMap or Secret that the pods read: both versions read the same one, or the canary's copy differs from it."},
	{SharedIdentity, "An annotation, variable or argument makes the canary pods members of something under stable's name, so they get its traffic or work whatever the weight, or take from stable what only one pod can have."},
	{ForeignSelector, "An object of another program selects or names the stable version, but not the canary, and canarize cannot copy it safely."},
	{PeerPolicy, "A network policy admits only one of the two versions by label."},
	{OtherResolver, "A Mapping finds its Service by another resolver than Kubernetes', which has to know the canary's name too."},
	{StickySession, "Sessions stick to a pod, but the weight is drawn before that, so users meet both versions."},
	{GeneratedRoute, "A route was made for the canary although the input has none for stable."},
	{UnreachedRoute, "With the Hosts and Modules of the input, no request reaches the route."},
	{UncertainShare, "The share cannot be computed exactly from the input."},
	{StableAddress, "A variable or an argument names the stable Service, so the canary calls stable where it means itself."},
	{UnpinnedImage, "An image of the command line has no tag and no digest, so it means latest, whatever that is when a pod starts, although the manifest names a version."},
	{ImageLeft, "An image of the command line matches a container of a workload without a canary, which keeps its image."},
	{PausedWorkload, "The workload is paused, so its canary does not start."},
	{SharedBudget, "A disruption budget counts the canary's pods as well."},
	{UnreadableMonitor, "The selector of a monitor cannot be read, so the canary may not be monitored."},
}

// Names returns all names, from the most harmful to the least.
func Names() []Name {
	names := make([]Name, len(meanings))
	for i, m := range meanings {
		names[i] = m.name
	}
	return names
}

// Meaning returns a sentence that explains the name.
func (n Name) Meaning() string {
	if i := n.rank(); i < len(meanings) {
		return meanings[i].meaning
	}
	return ""
}

// rank is the place of the name among all, from 0 for the most harmful. An unknown name
// comes last.
func (n Name) rank() int {
	for i, m := range meanings {
		if m.name == n {
			return i
		}
	}
	return len(meanings)
}

// Known reports whether the name is one of Names.
func (n Name) Known() bool { return slices.Contains(Names(), n) }
