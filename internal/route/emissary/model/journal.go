package model

// journal collects the errors and warnings about what Emissary does.
type journal struct {
	posted bool // whether Emissary itself posts an error
	posts  []Problem
	texts  []string
	// uncounted holds the texts about Ingresses of an unknown class.
	uncounted []string
}

// post records an error that Emissary posts about an object.
func (j *journal) post(r *resource, what string) {
	j.posted = true
	j.posts = append(j.posts, Problem{Kind: r.kind, Namespace: r.namespace, Name: r.name, Ingress: r.ingress, Text: what})
	j.texts = append(j.texts, r.String()+": "+what)
}

// warn records something that Emissary does silently and that the user should
// know.
func (j *journal) warn(what string) { j.texts = append(j.texts, what) }
