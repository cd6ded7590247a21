package model

import "encoding/json"

// The form in which testdata holds reports.

// MarshalJSON writes null for a missing host and [] for missing lists.
func (g Group) MarshalJSON() ([]byte, error) {
	type plain Group
	out := struct {
		Host *string `json:"host"`
		plain
	}{plain: plain(g)}
	if g.Host != "" {
		out.Host = &g.Host
	}
	if out.Shadows == nil {
		out.Shadows = []string{}
	}
	if out.Rows == nil {
		out.Rows = []Row{}
	}
	return json.Marshal(out)
}

// MarshalJSON writes [] for missing lists.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	out := plain(r)
	if out.Groups == nil {
		out.Groups = []Group{}
	}
	if out.Dropped == nil {
		out.Dropped = []string{}
	}
	if out.Errors == nil {
		out.Errors = []string{}
	}
	return json.Marshal(out)
}
