package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// restoreComments moves the comments between two items of a list above the
// second one. Where blank lines follow them, the loader hangs them below the
// item's first key, or loses them.
func (s *source) restoreComments(n *Node) {
	for _, child := range n.Content {
		s.restoreComments(child)
	}
	if n.Kind != yaml.SequenceNode || n.Style&yaml.FlowStyle != 0 {
		return
	}
	for i, item := range n.Content {
		above := s.commentsAbove(item.Line, n.Column)
		if i > 0 {
			above = slices.DeleteFunc(above, func(c string) bool { return hasFoot(n.Content[i-1], c) })
		}
		if len(above) == 0 {
			continue
		}
		for _, at := range append([]*Node{item}, item.Content...) {
			for _, c := range above {
				at.HeadComment, at.FootComment = without(at.HeadComment, c), without(at.FootComment, c)
			}
		}
		if item.HeadComment != "" {
			above = append(above, item.HeadComment)
		}
		item.HeadComment = strings.Join(above, "\n\n")
	}
}

// commentsAbove returns the comments between a line and the text above it, split
// where lines are blank. They begin at the column or before it: further right
// they may be the text of a block scalar.
func (s *source) commentsAbove(line, column int) []string {
	var comments []string
	blank := true
	for line--; ; line-- {
		l, found := s.line(line)
		content := strings.TrimSpace(l)
		switch {
		case !found, content != "" && (content[0] != '#' || strings.Index(l, "#") >= column):
			slices.Reverse(comments)
			return comments
		case content == "":
			blank = true
		case blank:
			comments = append(comments, content)
			blank = false
		default:
			comments[len(comments)-1] = content + "\n" + comments[len(comments)-1]
		}
	}
}

// hasFoot reports whether a comment stands below n or something in it.
func hasFoot(n *Node, comment string) bool {
	return without(n.FootComment, comment) != n.FootComment ||
		slices.ContainsFunc(n.Content, func(c *Node) bool { return hasFoot(c, comment) })
}

// without takes the lines of a comment out of others.
func without(comments, comment string) string {
	if !strings.Contains(comments, comment) {
		return comments
	}
	return strings.Trim(strings.Replace("\n"+comments+"\n", "\n"+comment+"\n", "\n", 1), "\n")
}
