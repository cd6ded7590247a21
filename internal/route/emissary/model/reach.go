package model

import "fmt"

// fraction is n/of.
type fraction struct{ n, of int }

func (f fraction) String() string {
	a, b := f.n, f.of
	for b != 0 {
		a, b = b, a%b
	}
	if a > 0 && f.of == a {
		return fmt.Sprint(f.n / a)
	}
	return fmt.Sprintf("%d/%d", f.n/max(a, 1), f.of/max(a, 1))
}

// claimant is a group with its claim on the requests of a virtual host.
type claimant struct {
	*group
	claim
}

// top returns the highest threshold. Envoy draws one random number for a
// request, and tries the next group if no threshold is above it.
func (c claimant) top() int {
	if c.redirect != nil {
		return 100
	}
	highest := 0
	for _, row := range c.rows {
		highest = max(highest, clamp(row.threshold, 0, 100))
	}
	return highest
}

// reach computes which part of the requests each group gets, apart from those
// that groups take which Envoy tries first. The groups are in Envoy's order.
func (w *world) reach(ordered []*group) {
	type place struct {
		host *host
		base string
	}
	tried := map[place][]claimant{}
	for _, g := range ordered {
		c := claimant{g, g.claimOf(w)}
		g.sampled = len(c.ids) > 0
		g.base = c.claim.base
		var best *portion
		for _, h := range g.virtual {
			at := place{h, c.claim.base}
			p := c.portion(tried[at])
			if best == nil || p.total > best.total {
				best = p
			}
			tried[at] = append(tried[at], c)
		}
		if best == nil { // no Host takes it
			best = c.portion(nil)
		}
		g.portion = best
	}
}

// portion is the part of the requests of a virtual host that a group gets.
type portion struct {
	parts   []int // for each row, in classes·percent
	total   int   // the sum over all thresholds, in classes·percent
	classes int   // of ids
	part    fraction
	before  *group // takes all of them first; nil if none does alone
}

// portion computes what is left to a claim after the earlier ones. It splits the
// ids into classes by their last digits.
func (c claimant) portion(earlier []claimant) *portion {
	p := &portion{parts: make([]int, len(c.rows)), classes: 1}
	digits := len(c.ids)
	for _, e := range earlier {
		if e.covers(c.claim) {
			digits = max(digits, len(e.ids))
		}
	}
	for range digits {
		p.classes *= 16
	}
	for class := range p.classes {
		if !c.ids.has(class) {
			continue
		}
		taken := 0
		for _, e := range earlier {
			if !e.covers(c.claim) || !e.ids.has(class) {
				continue
			}
			if taken < e.top() {
				p.before = e.group
			}
			taken = max(taken, e.top())
		}
		p.total += 100 - taken
		for i, row := range c.rows {
			threshold := clamp(row.threshold, 0, 100)
			p.parts[i] += max(0, threshold-taken)
			taken = max(taken, threshold)
		}
	}
	p.part = fraction{p.total, 100 * p.classes}
	return p
}

// report returns what the portion means for the rows; nil if the group gets all
// requests.
func (p *portion) report(g *group, shares []int) *Reach {
	if p.part.n == p.part.of {
		return nil
	}
	out := &Reach{Sampled: g.sampled, Of: p.part.String(), Whole: -1}
	for i, part := range p.parts {
		out.Real = append(out.Real, float64(part)/float64(p.classes))
		if part*100 != shares[i]*p.total {
			out.Of = ""
		}
	}
	if p.total == 0 {
		out.Of = "0"
		out.Unserved = fmt.Sprintf("gets no requests: Envoy tries %s first, whose match is the same", p.before.name())
	}
	return out
}

// name names the first member or the redirect of a group.
func (g *group) name() string {
	if g.redirect != nil {
		return g.redirect.String()
	}
	return g.members[0].String()
}
