package harm

import (
	"regexp"
	"strings"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
)

// sign is a variable or an argument of a container that tells something about the pod.
type sign struct {
	shown string // as the manifest writes it: KAFKA_GROUP_ID, --consumer-group
	name  string // as a variable: KAFKA_GROUP_ID, CONSUMER_GROUP
	role  role
	of    string // the program or place that the role is about
	// value is "" if it is empty or not known, as that of a Secret. label is the pod label
	// that it comes from, and onePod reports whether it is different for every pod.
	value  string
	empty  bool
	label  string
	onePod bool
}

// off reports whether the value says no. A value that is not known does not.
func (s sign) off() bool { return saysNo(s.value) }

func saysNo(value string) bool {
	switch strings.ToLower(value) {
	case "false", "no", "off", "0", "f", "n", "disabled", "none":
		return true
	}
	return false
}

// shownValue is the sign with its value, if the value may be shown.
func (s sign) shownValue() string {
	for _, word := range []string{"PASSWORD", "SECRET", "TOKEN", "CREDENTIAL"} {
		if strings.Contains(s.name, word) {
			return s.shown
		}
	}
	return s.shown + named(s.value)
}

// signs returns the signs of all containers that keep running, those of variables first.
func (e *examination) signs(s *subject) []sign {
	var all []sign
	for _, c := range running(s.spec) {
		variables := e.variables(s, c)
		for _, v := range variables.signs {
			switch {
			case v.empty:
			case v.role == options:
				all = append(all, argumentSigns(strings.Fields(v.value))...)
			case v.role != noRole, s.changes(v.label) && v.label != canary.TrackLabel:
				all = append(all, v)
			}
		}
		all = append(all, argumentSigns(words(c))...)
	}
	return all
}

// words returns the words of a container's command line. A script that the command line
// contains is split at its blanks.
func words(container *manifest.Node) []string {
	var all []string
	for _, field := range []string{"command", "args"} {
		for _, n := range manifest.Items(container, field) {
			if manifest.IsScalar(n) {
				all = append(all, strings.Fields(n.Value)...)
			}
		}
	}
	return all
}

// argumentSigns returns the options of a command line that have a role: --name=value,
// --name value, -name, and -Dname=value of Java.
func argumentSigns(words []string) []sign {
	var found []sign
	for i, word := range words {
		text := strings.TrimLeft(word, "-")
		if text == word || text == "" {
			continue
		}
		if rest, is := strings.CutPrefix(word, "-D"); is && strings.Contains(rest, ".") {
			text = rest
		}
		flag, value, given := strings.Cut(text, "=")
		name := asVariable(flag)
		role, of := roleOf(name)
		if role == noRole || role == options {
			continue
		}
		if !given && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			value = words[i+1]
		}
		found = append(found, sign{
			shown: strings.TrimSuffix(word, "="+value), name: name, role: role, of: of, value: strings.Trim(value, `"'`),
		})
	}
	return found
}

var innerCapital = regexp.MustCompile(`([a-z0-9])([A-Z])`)

var variableName = regexp.MustCompile(`^[A-Z0-9_]*$`)

// asVariable writes the name of an option as a variable: leader-elect, leaderElect and
// leader.elect are LEADER_ELECT.
func asVariable(name string) string {
	if variableName.MatchString(name) {
		return name
	}
	name = innerCapital.ReplaceAllString(name, "${1}_${2}")
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(name))
}

// variables are the environment of a container. A later variable of a name replaces an
// earlier one.
type variables struct {
	signs []sign
	at    map[string]int
}

func (v *variables) set(s sign) {
	if i, found := v.at[s.shown]; found {
		v.signs[i] = s
		return
	}
	v.at[s.shown] = len(v.signs)
	v.signs = append(v.signs, s)
}

// variables returns the variables of a container that have a role, and all that it sets
// itself.
func (e *examination) variables(s *subject, container *manifest.Node) *variables {
	v := &variables{at: map[string]int{}}
	for _, from := range manifest.Items(container, "envFrom") {
		prefix := manifest.GetString(from, "prefix")
		for _, source := range [][2]string{{"ConfigMap", "configMapRef"}, {"Secret", "secretRef"}} {
			for _, sign := range e.configs.read(e.set, source[0], s.Namespace, manifest.GetString(from, source[1], "name")).signs {
				if prefix != "" {
					sign = newSign(prefix+sign.shown, sign.value)
				}
				v.set(sign)
			}
		}
	}
	for _, n := range manifest.Items(container, "env") {
		v.set(e.variable(s, n, v))
	}
	return v
}

// variable reads an entry of env. Its value may name variables before it: $(NAME).
func (e *examination) variable(s *subject, n *manifest.Node, before *variables) sign {
	sign := newSign(manifest.GetString(n, "name"), manifest.GetString(n, "value"))
	source := manifest.Get(n, "valueFrom")
	if source == nil {
		sign.empty = sign.value == ""
		before.expand(&sign)
		return sign
	}
	path := manifest.GetString(source, "fieldRef", "fieldPath")
	sign.onePod = ofOnePod(path)
	if key, is := subscript(path, "metadata.labels"); is {
		sign.label, sign.value = key, s.Labels[key]
		sign.empty = sign.value == "" && !s.changes(key)
	}
	if key, is := subscript(path, "metadata.annotations"); is {
		sign.value = s.annotations[key]
	}
	if ref := manifest.Get(source, "configMapKeyRef"); ref != nil {
		config := e.configs.read(e.set, "ConfigMap", s.Namespace, manifest.GetString(ref, "name"))
		sign.value = config.values[manifest.GetString(ref, "key")]
	}
	return sign
}

// maxValue is the length of the longest value that is read. No name is longer.
const maxValue = 1024

// expand replaces the references in a value, and takes over where they come from.
func (v *variables) expand(s *sign) {
	if len(s.value) > maxValue || !strings.Contains(s.value, "$(") {
		return
	}
	s.value = references.ReplaceAllStringFunc(s.value, func(reference string) string {
		i, found := v.at[reference[2:len(reference)-1]]
		if !found {
			return reference
		}
		used := v.signs[i]
		s.onePod = s.onePod || used.onePod
		if s.label == "" {
			s.label = used.label
		}
		return used.value[:min(len(used.value), maxValue)]
	})
	if len(s.value) > maxValue {
		s.value = ""
	}
}

func newSign(name, value string) sign {
	variable := asVariable(name)
	role, of := roleOf(variable)
	return sign{shown: name, name: variable, role: role, of: of, value: value}
}

// configCache holds what was read of ConfigMaps and Secrets, which many workloads may use.
type configCache map[*manifest.Object]config

// config is what variables may take from a ConfigMap or a Secret.
type config struct {
	values map[string]string // of a ConfigMap; those of a Secret are not read
	signs  []sign            // the entries whose names have a role
}

// read returns what the ConfigMap or Secret has, nothing if it is not in the input.
func (c configCache) read(set *manifest.Set, kind, namespace, name string) config {
	o := set.Find(manifest.ID{Kind: kind, Namespace: namespace, Name: name})
	if o == nil {
		return config{}
	}
	if found, read := c[o]; read {
		return found
	}
	var found config
	if kind == "ConfigMap" {
		found.values = manifest.StringMap(o.Root, "data")
	}
	for _, field := range []string{"data", "stringData"} {
		for _, key := range manifest.Keys(manifest.Get(o.Root, field)) {
			if s := newSign(key, found.values[key]); s.role != noRole {
				found.signs = append(found.signs, s)
			}
		}
	}
	c[o] = found
	return found
}
