package readiness

// view reads foreign objects: whatever is missing or of another type is empty.
type view map[string]any

func (v view) value(path ...string) any {
	var now any = map[string]any(v)
	for _, field := range path {
		fields, isObject := now.(map[string]any)
		if !isObject {
			return nil
		}
		now = fields[field]
	}
	return now
}

func (v view) has(path ...string) bool { return v.value(path...) != nil }

func (v view) text(path ...string) string {
	s, _ := v.value(path...).(string)
	return s
}

func (v view) number(path ...string) int { return v.numberOr(0, path...) }

func (v view) numberOr(otherwise int, path ...string) int {
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

func (v view) list(path ...string) []view {
	items, _ := v.value(path...).([]any)
	var out []view
	for _, item := range items {
		if fields, isObject := item.(map[string]any); isObject {
			out = append(out, fields)
		}
	}
	return out
}

// condition is one of status.conditions; the zero condition where there is none.
type condition struct{ status, reason, message string }

func (v view) condition(kind string) condition {
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
