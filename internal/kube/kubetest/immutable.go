package kubetest

import (
	"fmt"
	"reflect"
)

// immutable lists fields that no write changes, by the plural of the kind.
var immutable = map[string][][]string{
	"deployments": {{"spec", "selector"}}, "jobs": {{"spec", "template"}}, "pods": {{"spec"}}, "secrets": {{"type"}},
}

// changedForGood returns a field that a write must not change, and its new value; "" if the
// server accepts the write.
func changedForGood(plural string, old, next map[string]any) (field string, value any) {
	fields := immutable[plural]
	if old["immutable"] == true {
		fields = append(fields, []string{"data"})
	}
	for _, path := range fields {
		before, after := at(old, path), at(next, path)
		if before != nil && !reflect.DeepEqual(plain(before), plain(after)) {
			return path[len(path)-1], after
		}
	}
	return "", nil
}

func at(value any, path []string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// plain returns a value as a client would decode it.
func plain(value any) any { return Copy(map[string]any{"value": value})["value"] }

// invalid returns the Status of a write that would change a field for good. As on a real
// server, the text repeats the whole value.
func invalid(to target, field string, value any) map[string]any {
	message := fmt.Sprintf("Invalid value: %s: field is immutable", encode(value))
	status := Status(422, "Invalid", to.plural, to.name)
	status["message"] = fmt.Sprintf("%s %q is invalid: %s: %s", to.plural, to.name, field, message)
	status["details"].(map[string]any)["causes"] = []any{map[string]any{"reason": "FieldValueInvalid", "message": message, "field": field}}
	return status
}
