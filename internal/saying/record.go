package saying

import "github.com/canarize/canarize/internal/rollout"

var records = []Saying{
	{Code: "CZ6001", Level: Error, Refusals: []rollout.Code{rollout.RefusedSchema}, Says: []string{"the stored state has version …, but this canarize reads version …; use the version of canarize that began the release, or run canarize reject …, which finds the canary's routes by their labels", "the stored state has version …, but this canarize reads version …"},
		Means: "Another version of canarize began the release and stores it in another format.",
		Do:    "End the release with that version, or run `canarize reject`, which finds the canary's routes by their labels."},
	{Code: "CZ6002", Level: Error, Refusals: []rollout.Code{rollout.RefusedNotRecord}, Says: []string{"… is not the record of a release: it lacks the label …; choose another --name", "is not the record of a release: it lacks the label …"},
		Means: "There is a ConfigMap `canarize-NAME` that another program made.",
		Do:    "Choose another `--name`."},
	{Code: "CZ6003", Level: Error, Says: []string{"the record of the release does not match what was deployed: somebody changed the record or the canary; nothing is promoted; run canarize reject … and deploy again", "the record of the release does not match what was deployed: somebody changed the record or the canary; nothing is promoted"},
		Means: "The digest of the stored plan differs from the one on the canary's workload. Only canarize should write that ConfigMap.",
		Do:    "Find out who else did ([what is trusted](trust.md)); then run `canarize reject` and deploy again."},
	{Code: "CZ6004", Level: Error, Says: []string{"no record exists for this canary"},
		Means: "`reject` found a canary without a record, and took its traffic off.",
		Do:    "The message says how to remove the rest."},
	{Code: "CZ6005", Level: Error, Refusals: []rollout.Code{rollout.RefusedHistory}, Says: []string{"the stored history cannot be read: …; use the version of canarize that wrote it", "the stored history cannot be read: …"},
		Means: "The key `history.json` of the ConfigMap was edited by hand, or written by a newer canarize. Releases go on and leave it as it is; only `history`, `mark` and `report --release` need it.",
		Do:    "Use the version of canarize that wrote it. To begin a new history: `kubectl patch configmap canarize-NAME -n NAMESPACE --type json -p '[{\"op\":\"remove\",\"path\":\"/data/history.json\"}]'`."},
	{Code: "CZ6006", Level: Error, Refusals: []rollout.Code{rollout.RefusedNotKept}, Says: []string{"release … is no longer kept…; canarize history … lists the releases that are kept", "release … is no longer kept"},
		Means: "The record keeps the last releases of a name ([history.md](history.md#what-was-released-before)). Older ones are only in files that you stored.",
		Do:    "`canarize history NAME` lists the releases that are kept."},
	{Code: "CZ6007", Level: Error, Refusals: []rollout.Code{rollout.RefusedDamaged}, Says: []string{"the stored plan is damaged: …", "the stored state is damaged: …"},
		Means: "Somebody edited the ConfigMap, and canarize does not guess.",
		Do: "`canarize reject NAME` takes the traffic off anyway. Then remove the canary's objects and the ConfigMap:" + `

    kubectl delete mappings,deployments,services,configmaps,secrets,horizontalpodautoscalers,networkpolicies \
      -n NAMESPACE -l canarize.dev/release=NAME,canarize.dev/track=canary
    kubectl delete configmap canarize-NAME -n NAMESPACE`},
	{Code: "CZ6008", Level: Error, Refusals: []rollout.Code{rollout.RefusedNotOver}, Says: []string{"no release of this name is over yet…", "there is no release … yet; the present one is …", "release … is not over…"},
		Means: "The verb is about a release that is over, and this one is not.",
		Do:    "`canarize history NAME` lists the releases that are over; `canarize status NAME` shows the present one."},
	{Code: "CZ6009", Level: Error, Says: []string{"somebody deleted the record of the release"},
		Means: "The ConfigMap `canarize-NAME` is gone, and the run stopped with the traffic back on stable.",
		Do:    "Find out who deletes it. `canarize doctor` finds the leftovers of the canary; `canarize reject NAME` takes its traffic off."},
	{Code: "CZ6010", Level: Error, Says: []string{"another release of … has begun since you looked; look at it first"},
		Means: "A button of the dashboard was clicked for a release that has been followed by another one. Nothing was said about the new one.",
		Do:    "Look at the new release, and decide about it."},
}
