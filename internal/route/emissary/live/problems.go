package live

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/excerpt"
)

// Check compares a view with the wanted shares. It returns one clause for each
// difference, in the order of wants; none means that the gateway has applied all of
// them. A clause that follows from an earlier one is left out: if a canary has 5 % of a
// group, its stable Mapping has the other 95 %.
func Check(v View, wants []Want) []string {
	var problems []string
	for i, w := range wants {
		for _, problem := range v.check(w, wants[:i]) {
			if !slices.Contains(problems, problem) {
				problems = append(problems, problem)
			}
		}
	}
	return problems
}

func (v View) check(w Want, earlier []Want) []string {
	var problems []string
	var wrong []Group
	found, same := 0, true // same: all groups give the same wrong share
	for _, g := range v.Groups {
		share, member := g.share(w)
		if !member {
			continue
		}
		found++
		switch {
		case w.Gone && share <= tolerance: // requests are what matters
		case w.Gone || off(share, w.Share):
			wrong = append(wrong, g)
			first, _ := wrong[0].share(w)
			same = same && !off(share, first)
		case g.Unrouted > tolerance:
			problems = append(problems, fmt.Sprintf("%s %% of %s is routed nowhere", percent(g.Unrouted), place(g)))
		}
	}
	same = same && len(wrong) == found
	switch {
	case !w.Gone && found == 0:
		problems = append(problems, w.String()+" has no route")
	default:
		for _, g := range wrong {
			if share, _ := g.share(w); !v.follows(g, share, w, earlier) {
				requests := "the requests"
				if !same {
					requests = place(g)
				}
				instead := fmt.Sprintf("not %s %%", percent(w.Share))
				if w.Gone {
					instead = "although it no longer exists"
				}
				problems = append(problems, fmt.Sprintf("%s has %s %% of %s, %s", w, percent(share), requests, instead))
			}
		}
	}
	for _, e := range v.Errors {
		if w.Mapping != "" && e.names(w) {
			problems = append(problems, fmt.Sprintf("%s has an error: %s", w, e.Text))
		}
	}
	return problems
}

// follows reports whether the share of a group follows from an earlier problem: another
// target lacks or exceeds what this one has too much or too little.
func (v View) follows(g Group, share float64, w Want, earlier []Want) bool {
	return slices.ContainsFunc(earlier, func(e Want) bool {
		other, member := g.share(e)
		reported := member && off(other, e.Share) || !v.routes(e)
		return reported && !e.Gone && !off(e.Share+w.Share, 100) && !off(other+share, 100)
	})
}

// routes reports whether any route leads to a wanted target.
func (v View) routes(w Want) bool {
	return slices.ContainsFunc(v.Groups, func(g Group) bool {
		_, member := g.share(w)
		return member
	})
}

func off(a, b float64) bool { return math.Abs(a-b) > tolerance }

// place names the requests of a group.
func place(g Group) string { return excerpt.Cut(g.Match, maxPlace) }

const maxPlace = 80 // bytes

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/1e4, 'f', -1, 64)
}

// noAnswer says why a pod could not be queried, without its name and the addresses of the
// tunnel, so that the same reason at several pods reads the same.
func noAnswer(pod podID, err error) string {
	var reasons []string
	for _, reason := range causes(err) {
		if rest, found := strings.CutPrefix(reason, "Pod "+pod.namespace+"/"+pod.name); found && afterPod.MatchString(rest) {
			reason = afterPod.ReplaceAllString(rest, "")
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return fmt.Sprintf("no answer (%s)", strings.Join(reasons, "; "))
}

// afterPod separates the name of a pod, and perhaps a port, from what is wrong with it.
var afterPod = regexp.MustCompile(`^(:\d+)?:? `)

func causes(err error) []string {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, causes(e)...)
		}
		return all
	}
	if get := new(url.Error); errors.As(err, &get) {
		return []string{get.Err.Error()}
	}
	return []string{err.Error()}
}

// clause is a problem of some pods.
type clause struct {
	kind      string   // Mapping or TCPMapping; "" if the problem is about none
	names     []string // of the objects
	predicate string   // begins with "has" if there is a kind
	pods      []string
}

// inWords joins the problems of pods. It names each object and each pod once: equal
// problems of several pods are one clause, and so are equal problems of several objects.
// total is the number of pods that were queried.
func inWords(problems map[string][]string, total int) string {
	clauses := clausesOf(problems)
	total = max(total, len(problems))
	everywhere := !slices.ContainsFunc(clauses, func(c clause) bool { return !slices.Equal(c.pods, clauses[0].pods) })
	var text strings.Builder
	if everywhere && len(clauses) > 0 {
		text.WriteString(onPods(clauses[0].pods, total))
	}
	text.WriteString(": ")
	for i, c := range clauses {
		again := i > 0 && c.kind != "" && c.kind == clauses[i-1].kind && slices.Equal(c.names, clauses[i-1].names)
		switch {
		case again:
			text.WriteString(", and " + c.predicate)
		case i > 0:
			text.WriteString("; " + c.subject())
		default:
			text.WriteString(c.subject())
		}
		if !everywhere {
			text.WriteString("," + onPods(c.pods, total))
		}
	}
	return text.String()
}

// clausesOf merges the problems of pods. Clauses about the same objects are neighbours.
func clausesOf(problems map[string][]string) []clause {
	podsOf := map[string][]string{}
	var order []string
	for _, pod := range slices.Sorted(maps.Keys(problems)) {
		for _, problem := range problems[pod] {
			if podsOf[problem] == nil {
				order = append(order, problem)
			}
			if !slices.Contains(podsOf[problem], pod) {
				podsOf[problem] = append(podsOf[problem], pod)
			}
		}
	}
	var merged []clause
	for _, problem := range order {
		c := parseClause(problem)
		c.pods = podsOf[problem]
		at := slices.IndexFunc(merged, func(m clause) bool {
			return m.kind != "" && m.kind == c.kind && m.predicate == c.predicate && slices.Equal(m.pods, c.pods)
		})
		if at >= 0 {
			merged[at].names = append(merged[at].names, c.names...)
			continue
		}
		merged = append(merged, c)
	}
	var sorted []clause
	for _, c := range merged {
		at := len(sorted)
		for i, s := range sorted {
			if c.kind != "" && s.kind == c.kind && slices.Equal(s.names, c.names) {
				at = i + 1
			}
		}
		sorted = slices.Insert(sorted, at, c)
	}
	return sorted
}

// parseClause separates the object of a problem from what is wrong with it. The name of
// an object has no space.
func parseClause(problem string) clause {
	kind, rest, _ := strings.Cut(problem, " ")
	name, predicate, _ := strings.Cut(rest, " ")
	if (kind == "Mapping" || kind == "TCPMapping") && strings.HasPrefix(predicate, "has ") {
		return clause{kind: kind, names: []string{name}, predicate: predicate}
	}
	return clause{predicate: problem}
}

// subject returns the clause with its objects.
func (c clause) subject() string {
	switch len(c.names) {
	case 0:
		return c.predicate
	case 1:
		return fmt.Sprintf("%s %s %s", c.kind, c.names[0], c.predicate)
	}
	return fmt.Sprintf("%ss %s have%s", c.kind, list(c.names), strings.TrimPrefix(c.predicate, "has"))
}

// onPods says at which of the queried pods something is wrong; nothing if there is only
// one pod.
func onPods(pods []string, total int) string {
	switch {
	case total == 1:
		return ""
	case len(pods) == total:
		return fmt.Sprintf(" on all %d gateway pods", total)
	}
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = shortPod(pod)
	}
	return fmt.Sprintf(" on %d of %d gateway pods (%s)", len(pods), total, list(names))
}

// generated is the end of the name of a Deployment's pod: the hash of the pod template,
// which all pods share, and the pod's own suffix.
var generated = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{6,10}-([bcdfghjklmnpqrstvwxz2456789]{5})$`)

// shortPod returns the name of a pod without its namespace and the hash of its template.
func shortPod(pod string) string {
	return generated.ReplaceAllString(pod[strings.Index(pod, "/")+1:], "-…-$1")
}

// list lists the first names.
func list(names []string) string {
	const most = 3
	if rest := len(names) - most; rest > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), rest)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
