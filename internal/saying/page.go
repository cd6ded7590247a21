package saying

import (
	"fmt"
	"slices"
	"strings"
)

// Page returns the messages as a part of docs/troubleshooting.md: one section for each code,
// whose anchor is the code in lower case.
func Page() string {
	var page strings.Builder
	for _, g := range Groups() {
		fmt.Fprintf(&page, "## %s\n\n", g.Title)
		for _, s := range g.Sayings {
			page.WriteString(s.Section() + "\n")
		}
	}
	return strings.TrimSuffix(page.String(), "\n")
}

// Section returns the section about a message, in Markdown.
func (s Saying) Section() string {
	said := s.Shown()
	for i, text := range said {
		said[i] = "`" + text + "`"
	}
	return fmt.Sprintf("### %s\n\n%s: %s\n\n%s\n\n**What to do.** %s\n", s.Code, s.Level, strings.Join(said, " · "), s.Means, s.Do)
}

// Shown returns the forms of the message for readers: without those that are a part of
// another one.
func (s Saying) Shown() (shown []string) {
	for i, text := range s.Says {
		part := slices.ContainsFunc(s.Says, func(other string) bool {
			return other != text && strings.Contains(other, strings.Trim(text, "…"))
		})
		if i == 0 || !part {
			text = strings.Trim(text, " ;")
			if strings.HasPrefix(text, "canarize ") {
				text = "… " + text // it is no command
			}
			shown = append(shown, text)
		}
	}
	return shown
}

// Title returns the usual form of the message, or what the name of a warning or a check means.
func (s Saying) Title() string {
	if s.Name != "" {
		return s.Name + ": " + s.Means
	}
	return s.Shown()[0]
}
