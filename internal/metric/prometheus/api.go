package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// series is one series of a matrix.
type series struct {
	Metric     map[string]string `json:"metric"`
	Values     []sample          `json:"values"`
	Histograms []distribution    `json:"histograms"`
}

// sample is [SECONDS, "VALUE"].
type sample struct {
	time  time.Time
	value float64
}

var errSample = errors.New(`expected a sample such as [1700000000.123, "1"]`)

// UnmarshalJSON implements json.Unmarshaler.
func (s *sample) UnmarshalJSON(text []byte) error {
	inner, opened := strings.CutPrefix(string(text), "[")
	inner, closed := strings.CutSuffix(inner, "]")
	at, value, two := strings.Cut(inner, ",")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(at), 64)
	if err != nil || !opened || !closed || !two || math.Abs(seconds) > maxSeconds {
		return errSample
	}
	v, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(value), `"`), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return errSample
	}
	s.time, s.value = moment(seconds), v
	return nil
}

// maxSeconds limits the times of samples.
const maxSeconds = 1e11

func moment(seconds float64) time.Time { return time.UnixMilli(int64(math.Round(seconds * 1000))) }

// response is the envelope of the API's answers.
type response struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
}

// ask queries an endpoint of the API and returns the matrix of its answer.
// Errors begin with the server's name.
func (s *Source) ask(ctx context.Context, path string, query url.Values) ([]series, error) {
	answer, err := s.server.Get(ctx, "api/v1/"+path, query, "application/json")
	switch {
	case err != nil:
		return nil, err
	case answer.Refused != nil:
		return nil, answer.Refused
	}
	result, err := parse(answer.Body)
	if err != nil {
		return nil, answer.Hide(fmt.Errorf("%s: %w", s.server.Host(), err))
	}
	return result, nil
}

func parse(text []byte) ([]series, error) {
	var r response
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("this is not an answer of the Prometheus API: %w", err)
	}
	switch {
	case r.Status != "success":
		return nil, fmt.Errorf("%s: %s", r.ErrorType, r.Error)
	case len(r.Warnings) > 0: // part of the data may be missing
		return nil, fmt.Errorf("the server warns: %s", strings.Join(r.Warnings, "; "))
	case r.Data.ResultType != "matrix":
		return nil, fmt.Errorf("the answer is a %s, not a matrix", r.Data.ResultType)
	}
	var result []series
	if err := json.Unmarshal(r.Data.Result, &result); err != nil {
		return nil, fmt.Errorf("this is not an answer of the Prometheus API: %w", err)
	}
	return result, nil
}
