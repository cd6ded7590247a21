package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// restoreComments moves the comments between two list items above the second
// item. If blank lines follow such a comment, the loader attaches it to the
// item's first key or loses it.
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
				x := at.extra()
				x.HeadComment, x.FootComment = without(x.HeadComment, c), without(x.FootComment, c)
				at.setExtra(x)
			}
		}
		x := item.extra()
		if x.HeadComment != "" {
			above = append(above, x.HeadComment)
		}
		x.HeadComment = strings.Join(above, "\n\n")
		item.setExtra(x)
	}
}

// commentsAbove returns the comments between a line and the text above it. A
// blank line separates two comments. Comments further right than the column are
// ignored: they may be the text of a block scalar.
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

// hasFoot reports whether n or a node in it has the foot comment.
func hasFoot(n *Node, comment string) bool {
	foot := n.extra().FootComment
	return without(foot, comment) != foot ||
		slices.ContainsFunc(n.Content, func(c *Node) bool { return hasFoot(c, comment) })
}

// without removes a comment from a group of comments.
func without(comments, comment string) string {
	if !strings.Contains(comments, comment) {
		return comments
	}
	return strings.Trim(strings.Replace("\n"+comments+"\n", "\n"+comment+"\n", "\n", 1), "\n")
}
