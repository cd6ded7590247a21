// Package redact takes secrets out of what others wrote: addresses, answers of
// servers, output of programs, objects. It cannot know every secret. It masks what
// has the form of one, or stands where one stands, and rather too much than too
// little.
package redact

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mask takes the place of what was taken out.
const Mask = "…"

// URL is an address without the name and password, the values of the query, and the
// fragment. What is no address is treated as any text.
func URL(address string) string {
	if strings.Contains(address, "://") {
		address = inAddress(address) // also where white space would end it in a text
	}
	return Text(address)
}

// Error is an error without secrets in its text; errors.Is and errors.As find what
// they found before.
func Error(err error) error {
	if err == nil {
		return nil
	}
	before := err.Error()
	if after := Text(before); after != before {
		return redacted{after, err}
	}
	return err
}

// KnownError is Error of an error in whose text there may be secrets that are known.
func KnownError(err error, secrets ...string) error {
	if text := Known(err.Error(), secrets...); text != err.Error() {
		err = redacted{text, err}
	}
	return Error(err)
}

// redacted is an error with another text.
type redacted struct {
	text string
	err  error
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.err }

// Known takes secrets out of a text that are known, in every spelling in which a
// server may repeat them. Those of less than four bytes are not looked for: they would
// be found in every text.
func Known(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) < shortest {
			continue
		}
		for _, spelling := range spellings(secret) {
			text = strings.ReplaceAll(text, spelling, Mask)
		}
	}
	return text
}

const shortest = 4

// spellings are the ways in which a secret may be written: as it is, quoted, in JSON,
// or in a URL; the longest first.
func spellings(secret string) []string {
	inside := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	all := []string{secret, inside(strconv.Quote(secret)), url.QueryEscape(secret), url.PathEscape(secret)}
	if inJSON, err := json.Marshal(secret); err == nil {
		all = append(all, inside(string(inJSON)))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// InURL are the secrets that an address may hold: its password and the values of its
// query.
func InURL(address string) (secrets []string) {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	if password, found := u.User.Password(); found {
		secrets = append(secrets, password)
	}
	if u.User.Username() != "" {
		secrets = append(secrets, u.User.Username())
	}
	for _, part := range strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		_, value, named := strings.Cut(part, "=")
		if !named {
			value = part
		}
		secrets = append(secrets, value)
		if plain, err := url.QueryUnescape(value); err == nil {
			secrets = append(secrets, plain)
		}
	}
	return secrets
}

// InEnvironment are the values of variables, as os.Environ gives them, whose names say
// that they are secrets. Those of less than eight bytes are rather words such as true.
func InEnvironment(environ []string) (secrets []string) {
	for _, variable := range environ {
		if name, value, _ := strings.Cut(variable, "="); len(value) >= 8 && secretName.MatchString(name) {
			secrets = append(secrets, value)
		}
	}
	return secrets
}
