package kube

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPermissions: a Role has every grant of its namespace once, and Denied asks for
// exactly what the Roles grant.
func TestPermissions(t *testing.T) {
	routes := []Grant{Written("example.com", "routes")}
	for name, c := range map[string]struct {
		gateway string
		roles   []string
	}{
		"a gateway elsewhere":     {"gateway", []string{"Role shop/canarize", "Role gateway/canarize-shop"}},
		"a gateway beside it":     {"shop", []string{"Role shop/canarize"}},
		"several, each elsewhere": {"a", []string{"Role shop/canarize", "Role a/canarize-shop", "Role b/canarize-shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := Access{Namespace: "shop", Account: "deployer", Granted: []Granted{
				{"shop", ReleaseGrants(routes...)}, {"shop", PageGrants()}, {c.gateway, TunnelGrants()},
			}}
			if c.gateway == "a" {
				a.Granted = append(a.Granted, Granted{"b", TunnelGrants()}, Granted{"b", TunnelGrants()})
			}
			var roles, granted, asked []string
			for _, o := range a.Permissions() {
				if o["kind"] != "Role" {
					continue
				}
				roles = append(roles, RefOf(o).String())
				for _, r := range o["rules"].([]any) {
					rule := r.(map[string]any)
					for _, resource := range rule["resources"].([]any) {
						granted = append(granted, fmt.Sprint(RefOf(o).Namespace, rule["apiGroups"], resource, rule["verbs"]))
					}
				}
			}
			for _, p := range a.needs() {
				asked = append(asked, fmt.Sprint(p.Namespace, []string{p.Group}, p.Resource, p.Verbs))
			}
			if !slices.Equal(roles, c.roles) {
				t.Errorf("%v, want %v", roles, c.roles)
			}
			a.Optional = []Granted{{"shop", []Grant{Listed("example.com", "watchers")}}}
			if with := a.Permissions(); len(a.needs()) != len(asked) || !strings.Contains(fmt.Sprint(with), "watchers") {
				t.Errorf("an optional grant: %v, of which %d are needed", with, len(a.needs()))
			}
			if !slices.Equal(granted, asked) {
				t.Errorf("granted\n%v, asked\n%v", granted, asked)
			}
			sorted := slices.Sorted(slices.Values(granted))
			if len(slices.Compact(sorted)) != len(granted) {
				t.Errorf("something is granted twice: %v", granted)
			}
		})
	}
}
