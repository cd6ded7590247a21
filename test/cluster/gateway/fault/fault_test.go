package fault

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHandler(t *testing.T) {
	s := New()
	put := func(body string) int {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/faults", strings.NewReader(body)))
		return w.Code
	}
	unwell := Faults{Freeze: true, Slow: 5 * time.Second, Stale: true}
	for _, c := range []struct {
		body string
		code int
		want Faults
	}{
		{`{"freeze": true, "slow": "5s", "stale": true}`, http.StatusOK, unwell},
		{`{"frozen": true}`, http.StatusBadRequest, unwell},
		{`{"slow": "five"}`, http.StatusBadRequest, unwell},
		{`{"slow": "1m"}`, http.StatusOK, Faults{Slow: time.Minute}},
		{`{}`, http.StatusOK, Faults{}},
	} {
		if code := put(c.body); code != c.code || s.Now() != c.want {
			t.Errorf("%s: status %d, faults %+v; want %d, %+v", c.body, code, s.Now(), c.code, c.want)
		}
	}
	select {
	case <-s.Changed():
	default:
		t.Error("nobody is told that the faults have changed")
	}
	put(`{"slow": "2s"}`)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/faults", nil))
	if got, want := strings.TrimSpace(w.Body.String()), `{"freeze":false,"slow":"2s","stale":false}`; got != want {
		t.Errorf("GET gives %s, want %s", got, want)
	}
}

func TestValidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		for _, c := range []struct {
			faults Faults
			limit  time.Duration
			took   time.Duration
			fails  bool
		}{
			{Faults{}, time.Minute, 0, false},
			{Faults{Slow: 5 * time.Second}, time.Minute, 5 * time.Second, false},
			{Faults{Slow: 5 * time.Second}, time.Second, time.Second, true},
			{Faults{Freeze: true}, time.Minute, 0, true},
			{Faults{Freeze: true, Slow: time.Second}, time.Minute, time.Second, true},
		} {
			s.Set(c.faults)
			ctx, cancel := context.WithTimeout(t.Context(), c.limit)
			began := time.Now()
			err := s.Validation(ctx)
			cancel()
			if took := time.Since(began); took != c.took || (err != nil) != c.fails {
				t.Errorf("%+v within %s: took %s, error %v; want %s, an error: %v", c.faults, c.limit, took, err, c.took, c.fails)
			}
		}
	})
}
