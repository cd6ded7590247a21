package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// trace is a stream of requests to a large language model in production
// (AzureLLMInferenceTrace of November 2023; Patel et al., Splitwise, ISCA 2024).
type trace struct {
	name     string
	first    time.Time // of the first request
	arrivals []float64 // s since then
	tokens   []float64 // generated for each request
}

// mostTokens is the largest number of tokens that is believed.
const mostTokens = 10_000_000

// readTrace reads a trace. Its requests must be in order.
func readTrace(path, name string) (trace, error) {
	t := trace{name: name}
	if err := eachRow(path, azureHeader, t.add); err != nil {
		return t, err
	}
	if err := t.check(); err != nil {
		return t, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// check returns an error if the trace, which has a row, has no length.
func (t *trace) check() error {
	if t.arrivals[len(t.arrivals)-1] == 0 {
		return errors.New("all requests have the same time, so it is no trace of arrivals")
	}
	return nil
}

// add adds a row.
func (t *trace) add(fields []string) error {
	at, err := time.Parse(time.DateTime, fields[0])
	if err != nil {
		return fmt.Errorf("the time is %.40q; it must look like 2023-11-16 18:15:46.68", fields[0])
	}
	tokens, err := strconv.Atoi(fields[2])
	if err != nil || tokens < 0 || tokens > mostTokens {
		return fmt.Errorf("the number of generated tokens is %.40q; it must be a whole number from 0", fields[2])
	}
	n := len(t.arrivals)
	if n == 0 {
		t.first = at
	}
	since := at.Sub(t.first).Seconds()
	if n > 0 && since < t.arrivals[n-1] {
		return fmt.Errorf("the time %s is before that of the row above; sort the rows by time", fields[0])
	}
	t.arrivals, t.tokens = append(t.arrivals, since), append(t.tokens, float64(tokens))
	return nil
}
