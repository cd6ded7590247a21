package routetest

import "pgregory.net/rapid"

// Anything draws decoded JSON of any shape and at most so deep, often with texts and keys
// that a model reads.
func Anything(depth int, texts, keys []string) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 7).Draw(t, "kind")
		if depth == 0 {
			kind %= 6
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.Float64().Draw(t, "float")
		case 3:
			return rapid.Int().Draw(t, "int")
		case 4:
			return rapid.SampledFrom(texts).Draw(t, "text")
		case 5:
			return rapid.String().Draw(t, "string")
		case 6:
			return rapid.SliceOfN(Anything(depth-1, texts, keys), 0, 3).Draw(t, "list")
		}
		return rapid.MapOfN(rapid.SampledFrom(keys), Anything(depth-1, texts, keys), 0, 6).Draw(t, "map")
	})
}
