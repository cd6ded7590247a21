package readiness

// fields reads an object of unknown shape. A missing value or one of the wrong
// type reads as empty.
type fields map[string]any

func (v fields) value(path ...string) any {
	var now any = map[string]any(v)
	for _, field := range path {
		m, isObject := now.(map[string]any)
		if !isObject {
			return nil
		}
		now = m[field]
	}
	return now
}

func (v fields) has(path ...string) bool { return v.value(path...) != nil }

func (v fields) text(path ...string) string {
	s, _ := v.value(path...).(string)
	return s
}

func (v fields) number(path ...string) int { return v.numberOr(0, path...) }

func (v fields) numberOr(otherwise int, path ...string) int {
	switch n := v.value(path...).(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	case int:
		return n
	}
	return otherwise
}

func (v fields) list(path ...string) []fields {
	items, _ := v.value(path...).([]any)
	var out []fields
	for _, item := range items {
		if m, isObject := item.(map[string]any); isObject {
			out = append(out, m)
		}
	}
	return out
}

// condition is an entry of status.conditions; the zero value means there is
// none.
type condition struct{ status, reason, message string }

func (v fields) condition(kind string) condition {
	for _, c := range v.list("status", "conditions") {
		if c.text("type") == kind {
			return condition{c.text("status"), c.text("reason"), c.text("message")}
		}
	}
	return condition{}
}

func (c condition) text() string {
	switch {
	case c.message == "":
		return c.reason
	case c.reason == "":
		return c.message
	}
	return c.reason + ": " + c.message
}
