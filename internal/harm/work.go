package harm

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// workers are command lines of programs that take jobs from a queue: words that all stand
// there in this order.
var workers = [][]string{
	{"celery", "worker"}, {"rq", "worker"}, {"dramatiq"}, {"huey_consumer"}, {"huey_consumer.py"}, {"arq"}, {"qcluster"}, {"procrastinate", "worker"}, // Python
	{"sidekiq"}, {"resque:work"}, {"jobs:work"}, {"delayed_job"}, {"good_job", "start"}, {"shoryuken"}, {"sneakers:run"}, {"solid_queue:start"}, // Ruby
	{"queue:work"}, {"queue:listen"}, {"artisan", "horizon"}, {"messenger:consume"}, // PHP
}

// queueTriggers are the triggers of a ScaledObject whose target takes messages, with the
// fields that name what it takes them from (keda.sh/docs, Scalers).
var queueTriggers = map[string][]string{
	"kafka": {"consumerGroup", "topic"}, "apache-kafka": {"consumerGroup", "topic"}, "rabbitmq": {"queueName"},
	"aws-sqs-queue": {"queueURL"}, "aws-kinesis-stream": {"streamName"}, "azure-queue": {"queueName"},
	"azure-servicebus": {"queueName", "subscriptionName"}, "azure-eventhub": {"consumerGroup", "eventHubName"},
	"gcp-pubsub": {"subscriptionName"}, "redis": {"listName"}, "redis-cluster": {"listName"}, "redis-sentinel": {"listName"},
	"redis-streams": {"consumerGroup", "stream"}, "redis-cluster-streams": {"consumerGroup", "stream"}, "redis-sentinel-streams": {"consumerGroup", "stream"},
	"nats-jetstream": {"consumer", "stream"}, "stan": {"queueGroup"}, "activemq": {"destinationName"}, "artemis-queue": {"queueName"},
	"ibmmq": {"queueName"}, "pulsar": {"subscription", "topic"}, "solace-event-queue": {"queueName"}, "beanstalkd": {"tube"}, "temporal": {"taskQueue"},
}

// work warns about pods that take work from where both versions take it.
func (e *examination) work(s *subject) {
	var takes, uses, apart, alone []string
	for _, v := range s.signs {
		switch byLabel := v.shown + " is label " + v.label; {
		case v.onePod: // every pod has a queue or group of its own
		case v.role == takesWork && s.changes(v.label):
			apart = add(apart, byLabel)
		case v.role == queues && s.changes(v.label):
			alone = add(alone, byLabel)
		case v.role == takesWork && !v.off():
			takes = add(takes, v.shownValue())
		case v.role == queues && namesQueue(v):
			uses = add(uses, v.shownValue())
		}
	}
	for _, c := range running(s.spec) {
		if worker := workerOf(words(c)); worker != "" {
			takes = add(takes, worker)
		}
	}
	for _, o := range s.scalers {
		for _, queue := range queuesOf(o) {
			takes = add(takes, queue)
		}
	}
	switch {
	case len(apart) > 0:
		e.warn(note.SharedWork, s.Stable, "joins a group of its own on the canary (%s, which changes), so both versions get every message; name the group by a label that stays", list(apart))
	case len(alone) > 0:
		e.warn(note.SharedWork, s.Stable, "uses a queue of its own on the canary (%s, which changes), which nobody else may fill or empty; name the queue by a label that stays", list(alone))
	case len(takes) > 0:
		e.warn(note.SharedWork, s.Stable, "takes work from where stable takes it (%s), so the canary gets a part of it whatever its weight; check that each version can do the other's", list(append(takes, uses...)))
	case len(uses) > 0:
		e.warn(note.SharedWork, s.Stable, "uses a queue that both versions share (%s), so work passes between them whatever the weight; check that each version can do the other's", list(uses))
	}
}

var numberOrSwitch = regexp.MustCompile(`(?i)^([0-9.]+[a-z]{0,2}|true|yes|on)$`)

// namesQueue reports whether the value may be the name or the address of a queue. Settings
// of one are often numbers, and a queue in memory is not shared.
func namesQueue(v sign) bool {
	if strings.Contains(v.name, "QUEUE") && !strings.HasPrefix(v.name, "SIDEKIQ") && numberOrSwitch.MatchString(v.value) {
		return false
	}
	return !v.off() && v.value != "sync" && !strings.HasPrefix(v.value, "memory:")
}

// workerOf returns the words by which a command line is a worker's, or "".
func workerOf(line []string) string {
	for _, worker := range workers {
		rest := worker
		for _, word := range line {
			if len(rest) > 0 && path.Base(word) == rest[0] {
				rest = rest[1:]
			}
		}
		if len(rest) == 0 {
			return strings.Join(worker, " ")
		}
	}
	return ""
}

// queuesOf returns where the workload takes its work from according to a ScaledObject.
func queuesOf(o *manifest.Object) []string {
	var found []string
	if o.Kind() != "ScaledObject" {
		return nil
	}
	for _, trigger := range manifest.Items(o.Root, "spec", "triggers") {
		kind := manifest.GetString(trigger, "type")
		fields, is := queueTriggers[kind]
		if !is {
			continue
		}
		name := ""
		for _, field := range fields {
			if name == "" {
				name = named(manifest.GetString(trigger, "metadata", field))
			}
		}
		found = add(found, "ScaledObject "+o.Name()+": "+kind+name)
	}
	return found
}

// runtimes are images that run any application, so that two workloads with the same one
// need not have anything in common.
var runtimes = strings.Fields(`alpine bash busybox curlimages/curl bitnami/kubectl debian ubuntu centos fedora amazonlinux
	python node ruby php perl golang openjdk eclipse-temurin amazoncorretto rust elixir erlang httpd nginx
	postgres mysql mariadb mongo redis memcached rabbitmq`)

// applicationOf returns the repository of a pod's main container, the one that kubectl
// takes by default, or "" if the image is none of an application.
func applicationOf(template *manifest.Node) string {
	wanted := manifest.GetString(template, "metadata", "annotations", "kubectl.kubernetes.io/default-container")
	image := ""
	for i, c := range manifest.Items(template, "spec", "containers") {
		if i == 0 || wanted != "" && manifest.GetString(c, "name") == wanted {
			image = manifest.GetString(c, "image")
		}
	}
	if image == "" {
		return ""
	}
	repository := canary.Repository(image)
	short := strings.TrimPrefix(strings.TrimPrefix(repository, "docker.io/"), "library/")
	if slices.Contains(runtimes, short) {
		return ""
	}
	return repository
}

// hookKeys mark Jobs that a deployment tool runs itself.
var hookKeys = []string{"helm.sh/hook", "argocd.argoproj.io/hook"}

// job notes a Job or CronJob that shares something with a workload that gets a canary.
func (e *examination) job(o *manifest.Object) {
	if o.Kind() == "CronJob" && manifest.IsTrue(manifest.Get(o.Root, "spec", "suspend")) {
		return
	}
	for _, key := range hookKeys {
		if manifest.Get(o.Root, "metadata", "annotations", key) != nil {
			return
		}
	}
	var work, reads []string
	var with *subject
	e.eachShared(e.set.Namespace(o), canary.PodTemplate(o), func(thing sharing) {
		s := e.shared[thing]
		if s == nil || with != nil && s != with {
			return
		}
		with = s
		switch thing.kind {
		case "image":
			work = add(work, "runs image "+thing.name)
		case "PersistentVolumeClaim":
			work = add(work, "writes to PersistentVolumeClaim "+thing.name)
		default:
			reads = add(reads, thing.kind+" "+thing.name)
		}
	})
	switch {
	case len(work) > 0 && o.Kind() == "CronJob":
		e.warn(note.SharedWork, o, "%s as %s does, but gets no canary, so it keeps the old version while the canary runs; check that it works beside the new one", list(work), with)
	case len(work) > 0:
		e.warn(note.SharedWork, o, "%s as %s does, but runs only with the promotion, so the canary runs before it; if the new version needs it first, such as a migration, run it before the release", list(work), with)
	case len(reads) > 0:
		e.inform(o, "reads %s, as %s does; it gets no canary, so it keeps the present content until the promotion", list(reads), with)
	}
}
