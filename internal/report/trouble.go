package report

import (
	"fmt"
	"strings"
)

// TroubleLines describes what was found in the canary's pods, the most telling first; none
// if they had no trouble.
func (s Status) TroubleLines() []string {
	var lines []string
	for _, t := range s.Troubles {
		lines = append(lines, t.Lines()...)
	}
	return lines
}

// troubled says in one sentence what failed in the canary's pods.
func (s Status) troubled() []string {
	if len(s.Troubles) == 0 {
		return nil
	}
	text := "In the canary, " + strings.TrimSuffix(s.Troubles[0].Sentence(), ".")
	switch more := len(s.Troubles) - 1; {
	case more == 1:
		text += "; one more container had trouble"
	case more > 1:
		text += fmt.Sprintf("; %d more containers had trouble", more)
	}
	return []string{text + "."}
}
