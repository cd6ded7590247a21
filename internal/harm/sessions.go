package harm

import (
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// sessions warns about a Service that keeps a client on one pod. The route draws the
// version before the Service chooses the pod.
func (e *examination) sessions(service *manifest.Object) {
	if manifest.GetString(service.Root, "spec", "sessionAffinity") == "ClientIP" {
		e.warn(note.StickySession, service, "keeps a client on one pod (sessionAffinity ClientIP), but the weight decides anew for every request, so users meet both versions; a cohort by header keeps a user on one")
	}
}
