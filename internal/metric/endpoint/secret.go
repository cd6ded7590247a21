package endpoint

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/redact"
)

// secrets looks secrets up, and keeps them out of errors.
type secrets struct {
	getenv func(string) string
	found  []string
}

// maxSecret is the size in bytes that a secret may have.
const maxSecret = 64 << 10

// get looks a secret up. One end of line at its end does not belong to it.
func (s *secrets) get(from metric.Secret) (string, error) {
	value, where := from.Value, "the value"
	switch {
	case from.File != "":
		where = "file " + from.File
		content, err := os.ReadFile(from.File)
		if err != nil {
			return "", err
		}
		value = string(content)
	case from.Env != "":
		where = "environment variable " + from.Env
		value = s.getenv(from.Env)
	}
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	switch {
	case value == "":
		return "", fmt.Errorf("%s is empty", where)
	case len(value) > maxSecret:
		return "", fmt.Errorf("%s has more than %d bytes", where, maxSecret)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%s holds more than one line", where)
	}
	if from.Value == "" {
		s.found = append(s.found, value)
	}
	return value, nil
}

// hide takes the secrets out of an error: a server may repeat what it was sent.
func (s *secrets) hide(err error) error { return redact.KnownError(err, s.found...) }

// authorize puts the credentials into a request.
func (e *Endpoint) authorize(request *http.Request, s *secrets) error {
	for name, from := range e.access.Headers {
		value, err := s.get(from)
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		request.Header.Set(name, value)
	}
	switch {
	case e.token != nil:
		token, err := e.token(request.Context())
		if err != nil {
			return fmt.Errorf("getting a token failed: %w", err)
		}
		s.found = append(s.found, token)
		request.Header.Set("Authorization", "Bearer "+token)
	case !e.access.Bearer.IsZero():
		token, err := s.get(e.access.Bearer)
		if err != nil {
			return fmt.Errorf("the bearer token is not known: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
	case e.access.User != "":
		password, err := s.get(e.access.Password)
		if err != nil {
			return fmt.Errorf("the password is not known: %w", err)
		}
		request.SetBasicAuth(e.access.User, password)
		s.found = append(s.found, strings.TrimPrefix(request.Header.Get("Authorization"), "Basic "))
	}
	return nil
}
