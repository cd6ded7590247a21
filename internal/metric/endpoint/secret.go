package endpoint

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/redact"
)

// secrets reads secrets and removes them from errors.
type secrets struct {
	getenv func(string) string
	found  []string
}

// maxSecret is the largest size of a secret in bytes.
const maxSecret = 64 << 10

// get reads a secret. It removes one line break at the end.
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
		return "", fmt.Errorf("%s is larger than %d bytes, the limit for a secret", where, maxSecret)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%s has more than one line; a secret must be one line", where)
	}
	if from.Value == "" {
		s.found = append(s.found, value)
	}
	return value, nil
}

// hide removes the secrets from an error, because a server may repeat what it
// received.
func (s *secrets) hide(err error) error { return redact.KnownError(err, s.found...) }

// authorize adds the credentials to a request.
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
			return fmt.Errorf("getting a token: %w", err)
		}
		s.found = append(s.found, token)
		request.Header.Set("Authorization", "Bearer "+token)
	case !e.access.Bearer.IsZero():
		token, err := s.get(e.access.Bearer)
		if err != nil {
			return fmt.Errorf("reading the bearer token: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
	case e.access.User != "":
		password, err := s.get(e.access.Password)
		if err != nil {
			return fmt.Errorf("reading the password: %w", err)
		}
		request.SetBasicAuth(e.access.User, password)
		s.found = append(s.found, strings.TrimPrefix(request.Header.Get("Authorization"), "Basic "))
	}
	return nil
}
