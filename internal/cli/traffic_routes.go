package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
	routes "github.com/canarize/canarize/internal/route/gatewayapi/traffic"
)

// printRoutes writes what a gateway does with routes of the Gateway API, or with one
// request.
func printRoutes(text *bytes.Buffer, report routes.Report, width int) {
	var t table
	t.row("HOST", "MATCH", "ROUTE", "SHARE", "BACKEND", "LISTENER")
	if report.Asked != nil {
		t.answers(*report.Asked, report.Answers)
	} else {
		for _, g := range report.Groups {
			t.match(g)
		}
		for _, u := range report.Unattached {
			t.row("(none)", "", u.Route.String(), "0 %", "not attached", strings.TrimPrefix(u.Parent, "Gateway "))
		}
	}
	text.WriteString(t.Fit(width))
	if !report.Taken() { // a finding may say why not
		for _, message := range report.Found {
			fmt.Fprintln(text, "error: "+oneLine(message))
		}
	}
	for _, what := range report.Assumed {
		fmt.Fprintln(text, "assumed: "+oneLine(what))
	}
}

// match prints the backends of a match.
func (t *table) match(g model.Group) {
	host, listeners := strings.Join(g.Hosts, ", "), strings.Join(g.Listeners, ", ")
	row := func(share, backend string) {
		t.row(host, g.Match, ruleName(g), share, backend, listeners)
	}
	remark := func(text string) {
		if text != "" {
			t.row(host, g.Match, "("+text+")")
		}
	}
	part := func(percent float64) string { return decimal(g.Real(percent)) + " %" }
	if g.Status != "" {
		row(part(100), g.Status)
	}
	for _, r := range g.Rows {
		backend := r.Backend.String()
		if r.Status != "" {
			backend = r.Status + " for " + backend
		}
		row(part(r.Percent()), backend)
	}
	for _, m := range g.Mirrors {
		row("mirror "+part(m.Percent()), m.Backend.String())
	}
	if g.Unserved != "" {
		remark("this match " + g.Unserved)
	}
	remark(g.Remark)
	remark(g.Open)
	for _, r := range g.Rows {
		remark(r.Open)
	}
}

// ruleName names the rule of a match.
func ruleName(g model.Group) string { return fmt.Sprintf("%s rules[%d]", g.Route, g.Rule) }

// answers prints what the Gateways do with a request.
func (t *table) answers(q model.Request, answers []model.Answer) {
	if len(answers) == 0 {
		t.row(q.Host, q.Path, fmt.Sprintf("(no Gateway listens on port %d)", q.Port))
	}
	for _, a := range answers {
		if a.Group != nil {
			t.match(*a.Group)
		} else {
			t.row(q.Host, q.Path, "(no route)", "100 %", a.Status, a.Gateway)
		}
		if a.Open != "" {
			t.row(q.Host, q.Path, "("+a.Open+")")
		}
	}
}

// routesJSON is the part about routes of the Gateway API. All fields are left out if they
// are empty.
type routesJSON struct {
	Routes     []matchJSON      `json:"routes,omitempty"`
	Unattached []unattachedJSON `json:"unattached,omitempty"`
	Answers    []answerJSON     `json:"answers,omitempty"`
	Assumed    []string         `json:"assumed,omitempty"`
}

// matchJSON is a match of a rule with its backends.
type matchJSON struct {
	Kind      string        `json:"kind"`
	Route     string        `json:"route"`
	Namespace string        `json:"namespace"`
	Rule      int           `json:"rule"`  // index
	Index     int           `json:"index"` // of the match in the rule
	Match     string        `json:"match"`
	Hosts     []string      `json:"hosts"`
	Listeners []string      `json:"listeners"`
	Rows      []backendJSON `json:"rows"`
	Errors    float64       `json:"errors"` // percent of the requests
	Mirrors   []mirrorJSON  `json:"mirrors,omitempty"`
	Filters   []string      `json:"filters,omitempty"`
	Status    string        `json:"status,omitempty"`
	Unserved  string        `json:"unserved,omitempty"`
	Open      string        `json:"open,omitempty"`
	Remark    string        `json:"remark,omitempty"`
}

// backendJSON is a backend with its share.
type backendJSON struct {
	referenceJSON
	Weight  int64    `json:"weight"`
	Of      int64    `json:"of"`
	Share   float64  `json:"share"` // 100·weight/of, and 0 if the match is unserved
	Status  string   `json:"status,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Filters []string `json:"filters,omitempty"`
	Open    string   `json:"open,omitempty"`
}

type referenceJSON struct {
	Backend   string `json:"backend"`
	Namespace string `json:"namespace"`
	Port      int64  `json:"port,omitempty"`
	Kind      string `json:"kind,omitempty"` // with its group, unless it is Service
}

type mirrorJSON struct {
	referenceJSON
	Share float64 `json:"share"` // percent of the requests that are copied
}

type unattachedJSON struct {
	Kind      string `json:"kind"`
	Route     string `json:"route"`
	Namespace string `json:"namespace"`
	Parent    string `json:"parent,omitempty"`
	Condition string `json:"condition,omitempty"`
	Reason    string `json:"reason"`
}

// answerJSON is what a Gateway does with the request of --url.
type answerJSON struct {
	Gateway string     `json:"gateway"`
	Taken   *matchJSON `json:"taken,omitempty"`
	Status  string     `json:"status,omitempty"`
	Open    string     `json:"open,omitempty"`
}

func newRoutesJSON(report routes.Report) (out routesJSON) {
	for _, g := range report.Groups {
		out.Routes = append(out.Routes, newMatchJSON(g))
	}
	for _, u := range report.Unattached {
		out.Unattached = append(out.Unattached, unattachedJSON{u.Route.Kind, u.Route.Name, u.Route.Namespace, u.Parent, u.Condition, u.Reason})
	}
	for _, a := range report.Answers {
		answer := answerJSON{Gateway: a.Gateway, Status: a.Status, Open: a.Open}
		if a.Group != nil {
			taken := newMatchJSON(*a.Group)
			answer.Taken = &taken
		}
		out.Answers = append(out.Answers, answer)
	}
	out.Assumed = report.Assumed
	return out
}

func newMatchJSON(g model.Group) matchJSON {
	out := matchJSON{
		Kind: g.Route.Kind, Route: g.Route.Name, Namespace: g.Route.Namespace, Rule: g.Rule, Index: g.Index, Match: g.Match,
		Hosts: g.Hosts, Listeners: g.Listeners, Rows: []backendJSON{}, Errors: g.Errors(), Filters: g.Filters,
		Status: g.Status, Unserved: g.Unserved, Open: g.Open, Remark: g.Remark,
	}
	for _, r := range g.Rows {
		out.Rows = append(out.Rows, backendJSON{newReferenceJSON(r.Backend), r.Weight, r.Of, g.Real(r.Percent()), r.Status, r.Reason, r.Filters, r.Open})
	}
	for _, m := range g.Mirrors {
		out.Mirrors = append(out.Mirrors, mirrorJSON{newReferenceJSON(m.Backend), g.Real(m.Percent())})
	}
	return out
}

func newReferenceJSON(b model.Backend) referenceJSON {
	out := referenceJSON{Backend: b.Name, Namespace: b.Namespace, Port: b.Port}
	if b.Group != "" || b.Kind != "Service" {
		out.Kind = strings.TrimPrefix(b.Group+"/"+b.Kind, "/")
	}
	return out
}
