package harm

import "strings"

// role is what a variable or an argument says about its pod.
type role int

const (
	noRole      role = iota
	options          // holds a command line
	leads            // of a leader election; see election
	takesWork        // names a group whose members share the messages
	queues           // names a queue or its broker
	registers        // of a registry of services
	registersAs      // the name there
	joins            // finds the other members of a cluster
	single           // an identity that only one client may have
	reports          // a name in traces and metrics
)

// roles says which names of variables have a role. "*" stands for any text, once in a
// pattern. The first pattern that matches decides. Arguments are compared as variables:
// --spring.application.name is SPRING_APPLICATION_NAME.
var roles = compile([]roleOfNames{
	{options, "", "JAVA_TOOL_OPTIONS JAVA_OPTIONS *_OPTS JDK_JAVA_OPTIONS *_OPTS_APPEND *_EXTRA_ARGS"},

	// They look like what follows, but are limits, and groups of a network.
	{noRole, "", "MAX_QUEUE *_MAX_QUEUE *_MAX_QUEUES *_SECURITY_GROUP"},
	{takesWork, "", "CONSUMER_GROUP CONSUMER_GROUP_ID CONSUMER_GROUP_NAME *_CONSUMER_GROUP *_CONSUMER_GROUP_ID *_CONSUMER_GROUP_NAME"},
	{takesWork, "", "*_CONSUMERGROUP *_CONSUMER_GROUPID *_CONSUMER_GROUPS"},
	{takesWork, "", "KAFKA_GROUP KAFKA_GROUP_ID KAFKA_*_GROUP_ID KAFKA_*_GROUP KAFKA_GROUPID *_KAFKA_GROUP_ID *_KAFKA_GROUP"},
	{takesWork, "", "*_KAFKA_STREAMS_APPLICATION_ID KAFKA_STREAMS_APPLICATION_ID"},
	{takesWork, "", "SPRING_CLOUD_STREAM_BINDINGS_*_GROUP MP_MESSAGING_INCOMING_*_GROUP_ID"},
	{takesWork, "", "NATS_QUEUE_GROUP NATS_*_QUEUE_GROUP *_QUEUE_GROUP"},
	{takesWork, "", "PUBSUB_SUBSCRIPTION PUBSUB_SUBSCRIPTION_ID PUBSUB_*_SUBSCRIPTION PUBSUB_*_SUBSCRIPTION_ID PUBSUB_SUBSCRIPTION_NAME PUBSUB_*_SUBSCRIPTION_NAME *_PUBSUB_SUBSCRIPTION *_PUBSUB_SUBSCRIPTION_NAME"},
	{takesWork, "", "SERVICEBUS_SUBSCRIPTION SERVICEBUS_SUBSCRIPTION_NAME SERVICE_BUS_SUBSCRIPTION SERVICE_BUS_SUBSCRIPTION_NAME *_SERVICEBUS_SUBSCRIPTION *_SERVICEBUS_SUBSCRIPTION_NAME"},
	{takesWork, "", "TEMPORAL_TASK_QUEUE TEMPORAL_*_TASK_QUEUE"},
	{queues, "", "SQS_URL SQS_*_URL *_SQS_URL"},
	{queues, "", "SIDEKIQ_CONCURRENCY SIDEKIQ_THREADS SIDEKIQ_QUEUES CELERY_WORKER_* CELERYD_*"},
	{queues, "", "QUEUE QUEUES QUEUE_NAME QUEUE_URL QUEUE_URLS QUEUE_ARN *_QUEUE *_QUEUES *_QUEUE_NAME *_QUEUE_NAMES *_QUEUE_URL *_QUEUE_URLS *_QUEUE_ARN"},
	{queues, "", "CELERY_BROKER CELERY_BROKER_URL CELERY_*_BROKER_URL *_CELERY_BROKER_URL DRAMATIQ_BROKER_URL SIDEKIQ_REDIS_URL"},

	{noRole, "", "SPRING_CLOUD_CONSUL_CONFIG_* SPRING_CLOUD_ZOOKEEPER_CONFIG_* EUREKA_DASHBOARD_* EUREKA_SERVER_ENABLE*"},
	{registers, "Eureka", "EUREKA_*"},
	{registers, "Nacos", "SPRING_CLOUD_NACOS_DISCOVERY_* SPRING_CLOUD_NACOS_SERVER_ADDR NACOS_DISCOVERY_* NACOS_SERVER_ADDR"},
	{registers, "Consul", "SPRING_CLOUD_CONSUL_*"},
	{registers, "ZooKeeper", "SPRING_CLOUD_ZOOKEEPER_*"},
	{registers, "Dubbo's registry", "DUBBO_REGISTRY_*"},
	{registersAs, "", "SPRING_APPLICATION_NAME"},
	{registersAs, "Dubbo's registry", "DUBBO_APPLICATION_NAME"},

	{joins, "the Hazelcast cluster", "HAZELCAST_KUBERNETES_SERVICE_NAME HAZELCAST_KUBERNETES_SERVICE_DNS HZ_NETWORK_JOIN_KUBERNETES_SERVICENAME HZ_NETWORK_JOIN_KUBERNETES_SERVICEDNS"},
	{joins, "the Akka cluster", "AKKA_CLUSTER_BOOTSTRAP_SERVICE_NAME"},
	{joins, "the JGroups cluster", "JGROUPS_DNS_QUERY *_JGROUPS_DNS_QUERY"},
	{joins, "the Orleans cluster", "ORLEANS_CLUSTER_ID"},

	{single, "the MQTT broker", "MQTT_CLIENT_ID MQTT_*_CLIENT_ID MQTT_CLIENTID *_MQTT_CLIENT_ID *_MQTT_CLIENTID"},
	{single, "Kafka", "KAFKA_TRANSACTIONAL_ID KAFKA_*_TRANSACTIONAL_ID *_KAFKA_TRANSACTIONAL_ID"},

	{reports, "OpenTelemetry", "OTEL_SERVICE_NAME"},
	{reports, "Datadog", "DD_SERVICE DD_SERVICE_NAME"},
	{reports, "Jaeger", "JAEGER_SERVICE_NAME"},
	{reports, "New Relic", "NEW_RELIC_APP_NAME"},
	{reports, "Elastic APM", "ELASTIC_APM_SERVICE_NAME"},
	{reports, "Application Insights", "APPLICATIONINSIGHTS_ROLE_NAME"},
	{reports, "SkyWalking", "SW_AGENT_NAME"},
	{reports, "Instana", "INSTANA_SERVICE_NAME"},
	{reports, "the Pushgateway", "PUSHGATEWAY_JOB PUSHGATEWAY_JOB_NAME PROMETHEUS_PUSHGATEWAY_JOB MANAGEMENT_PROMETHEUS_METRICS_EXPORT_PUSHGATEWAY_JOB"},
})

// roleOfNames is a line of the table: the role, what it is about, and the patterns.
type roleOfNames struct {
	role     role
	of       string
	patterns string
}

// rolePattern is a pattern, cut at its "*".
type rolePattern struct {
	role          role
	of            string
	before, after string
	any           bool // has a "*"
}

func compile(lines []roleOfNames) []rolePattern {
	var all []rolePattern
	for _, l := range lines {
		for text := range strings.FieldsSeq(l.patterns) {
			before, after, any := strings.Cut(text, "*")
			all = append(all, rolePattern{l.role, l.of, before, after, any})
		}
	}
	return all
}

func (p rolePattern) matches(name string) bool {
	if !p.any {
		return name == p.before
	}
	return len(name) > len(p.before)+len(p.after) && strings.HasPrefix(name, p.before) && strings.HasSuffix(name, p.after)
}

// roleOf returns the role of a variable's name, and what it is about.
func roleOf(name string) (role, string) {
	if election(name) != notElection {
		return leads, ""
	}
	for _, p := range roles {
		if p.matches(name) {
			return p.role, p.of
		}
	}
	return noRole, ""
}
