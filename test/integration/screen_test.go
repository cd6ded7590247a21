//go:build integration

package integration

import (
	"fmt"
	"testing"
)

func testScreen(t *testing.T, s shop, u *users) {
	show := func(title string, o outcome) { fmt.Printf("##### %s: exit %d\n--stderr\n%s--stdout\n%s", title, o.code, o.err, o.out) }
	show("run v2", s.try(t, u.run(t, "v2", "")...))
	show("status", s.try(t, "status", "shop"))
	show("run v2 again", s.try(t, u.run(t, "v2", "")...))
	u.set(func(u *users) { u.bad = .5 })
	show("run v3 bad", s.try(t, u.run(t, "v3", "")...))
	show("status", s.try(t, "status", "shop"))
	show("deploy v3", s.try(t, s.deploy(t, "v3")...))
	show("shift", s.try(t, "shift", "shop", "--to", "10", "--unverified"))
	show("status", s.try(t, "status", "shop"))
	show("reject", s.try(t, "reject", "shop"))
	show("reject", s.try(t, "reject", "shop"))
}
