package model_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// ranked is a match that fits a request, with everything by which it ranks; the smallest
// key wins.
type ranked struct {
	key             []string
	namespace, name string
	rule            int
}

// upToMethod is how many parts of a key rank before the headers.
const upToMethod = 4

// reference finds the rule that takes a request by trying all matches of all HTTPRoutes on
// all listeners. It knows the kinds of matches that drawSet draws.
func reference(set []m, q model.Request) string {
	keys := referenceKeys(set, q)
	if len(keys) == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%s rules[%d]", keys[0].namespace, keys[0].name, keys[0].rule)
}

func referenceKeys(set []m, q model.Request) (out []ranked) {
	listener, _ := slicesMin(listenersOf(set), func(l m) (string, bool) {
		return hostKey(str(l, "hostname")), takes(str(l, "hostname"), q.Host)
	})
	for _, o := range set {
		if o["kind"] != "HTTPRoute" || listener == nil || !joins(o, listener) {
			continue
		}
		meta, spec := o["metadata"].(m), o["spec"].(m)
		host, fits := slicesMin(hostsOf(spec), func(h string) (string, bool) { return hostKey(h), takes(h, q.Host) })
		if !fits {
			continue
		}
		created := cmp.Or(str(meta, "creationTimestamp"), "9999")
		for i, r := range spec["rules"].([]any) {
			matches, _ := r.(m)["matches"].([]any)
			if matches == nil {
				matches = []any{m{}}
			}
			for j, match := range matches {
				key, fits := matchKey(match.(m), q)
				if !fits {
					continue
				}
				key = slices.Concat([]string{hostKey(host)}, key, []string{created, meta["namespace"].(string) + "/" + meta["name"].(string), fmt.Sprintf("%02d %02d", i, j)})
				out = append(out, ranked{key, meta["namespace"].(string), meta["name"].(string), i})
			}
		}
	}
	slices.SortFunc(out, func(a, b ranked) int { return slices.Compare(a.key, b.key) })
	return out
}

func str(o m, field string) string { s, _ := o[field].(string); return s }

// slicesMin returns the element with the smallest key among those that fit.
func slicesMin[T any](all []T, key func(T) (string, bool)) (best T, found bool) {
	least := ""
	for _, v := range all {
		if k, fits := key(v); fits && (!found || k < least) {
			best, least, found = v, k, true
		}
	}
	return best, found
}

func listenersOf(set []m) (out []m) {
	for _, o := range set {
		if o["kind"] == "Gateway" {
			for _, l := range o["spec"].(m)["listeners"].([]any) {
				out = append(out, l.(m))
			}
		}
	}
	return out
}

func hostsOf(spec m) []string {
	var out []string
	all, _ := spec["hostnames"].([]any)
	for _, h := range all {
		out = append(out, h.(string))
	}
	if out == nil {
		return []string{""}
	}
	return out
}

// takes reports whether a hostname takes a host.
func takes(hostname, host string) bool {
	if rest, wildcard := strings.CutPrefix(hostname, "*"); wildcard {
		return strings.HasSuffix(host, rest)
	}
	return hostname == "" || hostname == host
}

// hostKey ranks hostnames: exact ones, then the longest.
func hostKey(hostname string) string {
	class := "0"
	if hostname == "" || hostname[0] == '*' {
		class = "1"
	}
	return fmt.Sprintf("%s %03d", class, 999-len(hostname))
}

// joins reports whether a listener accepts a route of the set for any host at all.
func joins(route, listener m) bool {
	meta, spec := route["metadata"].(m), route["spec"].(m)
	parent := spec["parentRefs"].([]any)[0].(m)
	if s := str(parent, "sectionName"); s != "" && s != listener["name"] || parent["port"] != nil && parent["port"] != listener["port"] {
		return false
	}
	return meta["namespace"] == "edge" || listener["allowedRoutes"] != nil
}

// matchKey says whether a match fits, and ranks it: exact path, longest path, method, most
// headers, most parameters.
func matchKey(match m, q model.Request) ([]string, bool) {
	path, _ := match["path"].(m)
	value := cmp.Or(str(path, "value"), "/")
	class, fits := "1", q.Path == value || value == "/" || strings.HasPrefix(q.Path, value+"/")
	switch str(path, "type") {
	case "Exact":
		class, fits = "0", q.Path == value
	case "RegularExpression": // of the whole path; the model says that their rank is open
		class, fits = "2", regexp.MustCompile("^("+value+")$").MatchString(q.Path)
	}
	method := "1"
	if want := str(match, "method"); want != "" {
		method, fits = "0", fits && want == q.Method
	}
	headers, _ := match["headers"].([]any)
	for _, h := range headers {
		fits = fits && slices.Equal(q.Headers[h.(m)["name"].(string)], []string{h.(m)["value"].(string)})
	}
	params, _ := match["queryParams"].([]any)
	for _, p := range params {
		fits = fits && slices.Equal(q.Query[p.(m)["name"].(string)], []string{p.(m)["value"].(string)})
	}
	return []string{class, fmt.Sprintf("%04d", 9999-len(value)), method, fmt.Sprint(99 - len(headers)), fmt.Sprint(99 - len(params))}, fits
}
