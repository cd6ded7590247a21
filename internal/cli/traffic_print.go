package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
)

func printTraffic(w io.Writer, all requests, output string, width int) error {
	routes := all.Report
	var text bytes.Buffer
	if output == "json" {
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(newTrafficJSON(all)); err != nil {
			return err
		}
		_, err := w.Write(escapeJSON(text.Bytes()))
		return err
	}
	if !all.routes.Any || !noMappings(routes) && all.routes.Asked == nil {
		printMappings(&text, routes, width)
	}
	if all.routes.Any {
		if text.Len() > 0 {
			text.WriteByte('\n')
		}
		printRoutes(&text, all.routes, width)
	}
	_, err := io.WriteString(w, Escape(text.String()))
	return err
}

// noMappings reports whether there is nothing to say about Mappings.
func noMappings(routes traffic.Report) bool {
	return len(routes.Groups)+len(routes.TCPGroups)+len(routes.Drops)+len(routes.TCPDrops)+len(routes.Errors) == 0
}

// printMappings writes what Emissary does.
func printMappings(text *bytes.Buffer, routes traffic.Report, width int) {
	var t table
	shares := []string{"SHARE"}
	if routes.Truths != nil {
		shares = []string{"ASKED", "TAKEN", "SEEN"}
	}
	t.row(slices.Concat([]string{"HOST", "PREFIX", "MAPPING"}, shares, []string{"CLUSTER", "STATISTICS"})...)
	for i, g := range routes.Groups {
		if routes.Truths == nil {
			t.group(g, nil)
		} else {
			t.group(g, routes.Truths[i])
		}
	}
	for _, g := range routes.TCPGroups {
		t.tcpGroup(g)
	}
	for _, kind := range dropKinds(routes.Report) {
		for _, d := range kind.drops {
			t.row("dropped", kind.label, mappingName(d.Namespace, d.Mapping, d.Ingress), "0 %", d.Reason)
		}
	}
	text.WriteString(t.Fit(width))
	for _, line := range behind(routes) {
		fmt.Fprintln(text, oneLine(line))
	}
	for _, message := range routes.Errors {
		fmt.Fprintln(text, "error: "+oneLine(message))
	}
}

// behind says for each Mapping that the gateway gives another share what it gives, and why.
func behind(routes traffic.Report) (lines []string) {
	for i, truths := range routes.Truths {
		for j, truth := range truths {
			if truth.Taken.Behind == 0 {
				continue
			}
			row := routes.Groups[i].Rows[j]
			lines = append(lines, fmt.Sprintf("not taken: %s: %d %% asked for, the gateway gives %s", mappingName(row.Namespace, row.Name, row.Ingress), row.Share, truth.Taken))
		}
	}
	return lines
}

// group prints the rows of a group. truths has an element for each row, or is nil.
func (t *table) group(g model.Group, truths []traffic.Truth) {
	host := g.Host
	if host == "" {
		host = "(none)"
	}
	for i, row := range g.Rows {
		cells := []string{host, g.Prefix, mappingName(row.Namespace, row.Name, row.Ingress), share(g, i)}
		if truths != nil {
			cells = append(cells, truths[i].Taken.Share(), report.SeenShare(truths[i].Seen))
		}
		t.row(append(cells, row.Cluster, row.Stats)...)
	}
	for _, shadow := range g.Shadows {
		t.row(host, g.Prefix, shadow, "shadow")
	}
	if g.Unrouted > 0 {
		t.row(host, g.Prefix, "(no Mapping)", fmt.Sprintf("%d %%", g.Unrouted))
	}
	if len(g.Hosts) == 0 {
		t.row(host, g.Prefix, "(no Host takes this group)")
	}
	if g.Reach != nil && g.Reach.Unserved != "" {
		t.row(host, g.Prefix, "(this group "+g.Reach.Unserved+")")
	}
}

// mappingName names a Mapping, and the Ingress that Emissary made it of.
func mappingName(namespace, mapping, ingress string) string {
	if ingress != "" {
		return fmt.Sprintf("%s/%s (of Ingress %s)", namespace, mapping, ingress)
	}
	return namespace + "/" + mapping
}

// share describes the share of a row: that of its group, and the real one if the group
// gets a part of the requests.
func share(g model.Group, row int) string {
	percent := fmt.Sprintf("%d %%", g.Rows[row].Share)
	switch r := g.Reach; {
	case r == nil:
		return percent
	case r.Unserved != "":
		return "0 %"
	case r.Of == "":
		return fmt.Sprintf("%s (%s %%)", percent, decimal(r.Real[row]))
	default:
		return fmt.Sprintf("%s of %s (%s %%)", percent, r.Of, decimal(r.Real[row]))
	}
}

// decimal formats a number without an exponent.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (t *table) tcpGroup(g model.TCPGroup) {
	for _, row := range g.Rows {
		cells := []string{"tcp " + g.Host, g.Address + ":" + g.Port, row.Namespace + "/" + row.Name}
		if g.Unserved != "" {
			t.row(append(cells, "0 %", g.Unserved)...)
			continue
		}
		t.row(append(cells, fmt.Sprintf("%.2f %%", row.Share))...)
	}
}
