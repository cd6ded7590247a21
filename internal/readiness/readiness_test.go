package readiness_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/readiness"
)

// object decodes YAML as a cluster would return it.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

const (
	deployment  = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {generation: 2}\n"
	statefulSet = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {generation: 2}\n"
	daemonSet   = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {generation: 2}\n"
	replicaSet  = "apiVersion: apps/v1\nkind: ReplicaSet\n"
	job         = "apiVersion: batch/v1\nkind: Job\n"
	pod         = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1}\n"
	other       = "apiVersion: example.com/v1\nkind: Thing\n"
)

func TestCompute(t *testing.T) {
	const quota = "{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}"
	for _, c := range []struct {
		name, text string
		phase      readiness.Phase
		message    string
	}{
		{"new", deployment, readiness.InProgress, "no controller has seen it yet"},
		{"changed", deployment + "status: {observedGeneration: 1}", readiness.InProgress, "its controller has not seen the latest change yet"},
		{"one pod is the default", deployment + "status: {observedGeneration: 2}", readiness.InProgress, "0 of 1 pods are of the new version"},
		{"none", deployment + "spec: {replicas: 0}\nstatus: {observedGeneration: 2}", readiness.Current, ""},
		{"old pods", deployment + "spec: {replicas: 2}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 3}", readiness.InProgress, "1 old pods are still terminating"},
		{"not available", deployment + "spec: {replicas: 2}\nstatus: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 1}", readiness.InProgress, "1 of 2 pods are available"},
		{"ready", deployment + "spec: {replicas: 2}\nstatus: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2}", readiness.Current, ""},
		{"quota", deployment + "status: {observedGeneration: 2, conditions: [" + quota + "]}", readiness.InProgress, "0 of 1 pods are of the new version: FailedCreate: exceeded quota"},
		{"too late", deployment + "status: {observedGeneration: 2, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}", readiness.Failed, "no progress for 600 s: ProgressDeadlineExceeded"},
		{"deleted", "metadata: {deletionTimestamp: now}", readiness.Terminating, "is being deleted"},

		{"new set", statefulSet, readiness.InProgress, "no controller has seen it yet"},
		{"set not ready", statefulSet + "spec: {replicas: 3}\nstatus: {observedGeneration: 2, readyReplicas: 2}", readiness.InProgress, "2 of 3 pods are ready"},
		{"set not updated", statefulSet + "spec: {replicas: 3}\nstatus: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1}", readiness.InProgress, "1 of 3 pods are of the new version"},
		{"set with an old revision", statefulSet + "status: {observedGeneration: 2, readyReplicas: 1, updatedReplicas: 1, currentRevision: a, updateRevision: b}", readiness.InProgress, "the old revision is still there"},
		{"set with a partition", statefulSet + "spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}\nstatus: {observedGeneration: 2, readyReplicas: 3, replicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}", readiness.Current, ""},
		{"set with a pod too many", statefulSet + "status: {observedGeneration: 2, readyReplicas: 1, replicas: 2, updatedReplicas: 1}", readiness.InProgress, "1 pods are still terminating"},
		{"set on delete", statefulSet + "spec: {updateStrategy: {type: OnDelete}}\nstatus: {observedGeneration: 2}", readiness.Current, ""},

		{"new daemons", daemonSet, readiness.InProgress, "no controller has seen it yet"},
		{"daemons not updated", daemonSet + "status: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 1}", readiness.InProgress, "1 of 2 pods are of the new version"},
		{"daemons not available", daemonSet + "status: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2}", readiness.InProgress, "0 of 2 pods are available"},
		{"daemons", daemonSet + "status: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}", readiness.Current, ""},

		{"replicas", replicaSet + "status: {replicas: 1, availableReplicas: 1}", readiness.Current, ""},
		{"replicas and quota", replicaSet + "status: {conditions: [" + quota + "]}", readiness.InProgress, "FailedCreate: exceeded quota"},
		{"replicas too many", replicaSet + "status: {replicas: 2, availableReplicas: 1}", readiness.InProgress, "1 pods are still terminating"},

		{"job", job, readiness.InProgress, "it has not completed yet"},
		{"job done", job + "status: {conditions: [{type: Complete, status: 'True'}]}", readiness.Current, ""},
		{"job failed", job + "status: {conditions: [{type: Failed, status: 'True', message: deadline}]}", readiness.Failed, "deadline"},

		{"pod", pod, readiness.InProgress, "it is not ready yet"},
		{"pod ready", pod + "status: {conditions: [{type: Ready, status: 'True'}]}", readiness.Current, ""},
		{"pod done", pod + "status: {phase: Succeeded}", readiness.Current, ""},
		{"pod failed", pod + "status: {phase: Failed}", readiness.Failed, "it has failed"},

		{"anything", other, readiness.Current, ""},
		{"anything not ready", other + "status: {conditions: [{type: Ready, status: Unknown, message: wait}]}", readiness.InProgress, "wait"},
		{"anything reconciling", other + "status: {conditions: [{type: Reconciling, status: 'True', reason: Busy}]}", readiness.InProgress, "Busy"},
		{"anything stalled", other + "status: {conditions: [{type: Stalled, status: 'True', reason: Broken, message: help}]}", readiness.Failed, "Broken: help"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readiness.Compute(object(t, c.text)); got != (readiness.Status{Phase: c.phase, Message: c.message}) {
				t.Errorf("%+v, expected %s: %s", got, c.phase, c.message)
			}
		})
	}
}

func TestPodTrouble(t *testing.T) {
	const container = "status: {containerStatuses: [{name: web, ready: false, "
	for _, c := range []struct{ name, text, want string }{
		{"starting", pod + container + "state: {waiting: {reason: ContainerCreating}}}]}", ""},
		{"ready", pod + "status: {conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: web, state: {waiting: {reason: CrashLoopBackOff}}}]}", ""},
		{"no node", pod + "status: {conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes}]}", "pod web-1: Unschedulable: 0/3 nodes"},
		{"no image", pod + container + "state: {waiting: {reason: ImagePullBackOff, message: not found}}}]}", "pod web-1, container web: ImagePullBackOff: not found"},
		{"no ConfigMap", pod + container + "state: {waiting: {reason: CreateContainerConfigError}}}]}", "pod web-1, container web: CreateContainerConfigError"},
		{
			"crash loop", pod + container + "state: {waiting: {reason: CrashLoopBackOff, message: back-off}}, lastState: {terminated: {exitCode: 3, reason: Error}}}]}",
			"pod web-1, container web: CrashLoopBackOff: the last run ended with exit code 3 (Error)",
		},
		{"crash", pod + container + "state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}", "pod web-1, container web: OOMKilled: ended with exit code 137"},
		{
			"up again", pod + container + "state: {running: {}}, lastState: {terminated: {exitCode: 1, reason: Error}}}]}",
			"pod web-1, container web: Restarted: the last run ended with exit code 1 (Error)",
		},
		{"done", pod + container + "state: {terminated: {exitCode: 0}}}]}", ""},
		{"init", pod + "status: {initContainerStatuses: [{name: migrate, state: {terminated: {exitCode: 1, reason: Error}}}]}", "pod web-1, container migrate: Error: ended with exit code 1"},
		{"evicted", pod + "status: {phase: Failed, reason: Evicted, message: no disk}", "pod web-1: Evicted: no disk"},
		{"being deleted", "metadata: {deletionTimestamp: now}\nstatus: {phase: Failed, reason: Evicted}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			trouble, found := readiness.PodTrouble(object(t, c.text))
			if got := trouble.String(); found != (c.want != "") || found && got != c.want {
				t.Errorf("%v %q, expected %q", found, got, c.want)
			}
		})
	}
}

// TestDeploymentLaw checks that a Deployment is current exactly when all of its
// pods are of the new version and available, and there are no others.
func TestDeploymentLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.IntRange(0, 3)
		want, all, updated, available := number.Draw(t, "replicas"), number.Draw(t, "all"), number.Draw(t, "updated"), number.Draw(t, "available")
		got := readiness.Compute(map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{"replicas": int64(want)},
			"status": map[string]any{"observedGeneration": int64(1), "replicas": int64(all), "updatedReplicas": int64(updated), "availableReplicas": int64(available)},
		})
		done := updated >= want && all <= updated && available >= updated
		if (got.Phase == readiness.Current) != done || (got.Message == "") != done {
			t.Fatalf("%+v, expected done %v", got, done)
		}
	})
}

// TestProgress checks that pods that become ready and fail again do not count
// as more progress.
func TestProgress(t *testing.T) {
	var last int
	for i, text := range []string{
		"status: {}", "status: {updatedReplicas: 1}", "status: {updatedReplicas: 1, readyReplicas: 1}", "status: {updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1}",
	} {
		now := readiness.Progress(object(t, text))
		if i > 0 && now <= last {
			t.Errorf("%s: %d, not more than %d", text, now, last)
		}
		last = now
	}
	if !readiness.HasPods(object(t, deployment)) || readiness.HasPods(object(t, pod)) || readiness.HasPods(object(t, other)) {
		t.Error("HasPods is for what makes pods")
	}
}

// FuzzCompute checks that Compute accepts any object, and that there is a
// message whenever the object is not current.
func FuzzCompute(f *testing.F) {
	for _, text := range []string{deployment, statefulSet, daemonSet, replicaSet, job, pod, other} {
		encoded, err := yaml.YAMLToJSON([]byte(text + "spec: {replicas: 1}\nstatus: {observedGeneration: 2, conditions: [{type: Ready, status: 'False', reason: R}], containerStatuses: [{state: {terminated: {exitCode: 1}}}]}"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var o map[string]any
		if json.Unmarshal(text, &o) != nil {
			return
		}
		if s := readiness.Compute(o); s.Phase == readiness.Current && s.Message != "" {
			t.Errorf("current, but %q", s.Message)
		}
		if trouble, found := readiness.PodTrouble(o); found && trouble.String() == "" {
			t.Error("a trouble without a text")
		}
		readiness.Progress(o)
	})
}
