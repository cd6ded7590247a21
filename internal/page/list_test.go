package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// rows returns a list with n rows, of which some are changed.
func rows(n int, change func(at int, row *Row)) *List {
	l := &List{Host: "the test", Summary: fmt.Sprint(n)}
	for i := range n {
		row := Row{ID: fmt.Sprintf("shop/%04d", i), Name: "a", Rank: OnTheWay}
		if change != nil {
			change(i, &row)
		}
		l.Rows = append(l.Rows, row)
	}
	return l
}

// TestList: a visitor gets all rows at once, and later only those that changed.
func TestList(t *testing.T) {
	var now atomic.Pointer[List]
	now.Store(rows(1000, nil))
	release := &served{}
	s, err := Serve(t.Context(), Options{List: now.Load, Find: func(id string) Release {
		if id == "shop/0007" {
			return release
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	next := watch(t, t.Context(), s)
	read := func() (c changes) {
		t.Helper()
		if err := json.Unmarshal([]byte(until(t, next, "list")), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := read(); len(c.Rows) != 1000 || !c.First || c.Host != "the test" || c.Rows[7].ID != "shop/0007" {
		t.Errorf("at first: %d rows", len(c.Rows))
	}
	now.Store(rows(999, func(at int, row *Row) {
		if at == 7 {
			row.Rank = Needy
		}
	}))
	c := read()
	if len(c.Rows) != 1 || c.Rows[0].ID != "shop/0007" || len(c.Gone) != 1 || c.Gone[0] != "shop/0999" || c.First || c.Summary != "999" {
		t.Errorf("%+v", c)
	}
	now.Store(&List{Summary: "none"})
	if c := read(); len(c.Rows) != 0 || len(c.Gone) != 999 {
		t.Errorf("%d rows, %d gone", len(c.Rows), len(c.Gone))
	}
	for address, want := range map[string]int{"report.html": http.StatusNotFound, "report.html?release=shop/0007": http.StatusNotFound} {
		if answer, text := ask(t, http.MethodGet, s.URL+address, "", nil); answer.StatusCode != want {
			t.Errorf("%s: %s %s", address, answer.Status, text)
		}
	}
	if answer, text := ask(t, http.MethodGet, s.URL+"events?release=shop/0008", "", nil); answer.StatusCode != http.StatusOK || text != "event: none\ndata: {}\n\n" {
		t.Errorf("%s %q", answer.Status, text)
	}
	release.report.Store([]byte("a report"))
	if _, text := ask(t, http.MethodGet, s.URL+"report.html?release=shop/0007", "", nil); text != "a report" {
		t.Error(text)
	}
}
