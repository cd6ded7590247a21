package model

// journal collects what Emissary complains about.
type journal struct {
	posted bool // whether Emissary itself posts an error
	posts  []Problem
	texts  []string
}

// post records an error that Emissary posts, naming the object.
func (j *journal) post(r *resource, what string) {
	j.posted = true
	j.posts = append(j.posts, Problem{Kind: r.kind, Namespace: r.namespace, Name: r.name, Text: what})
	j.texts = append(j.texts, r.String()+": "+what)
}

// note records something Emissary does in silence and a user should know of.
func (j *journal) note(what string) { j.texts = append(j.texts, what) }
