// Package redact removes secrets from foreign text: addresses, answers of servers, output
// of programs, objects. It cannot recognise every secret. It masks what looks like a
// secret and what follows a name such as password. In doubt it masks.
package redact

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mask replaces a secret.
const Mask = "…"

// URL masks the user name, password, query values and fragment of an address. It treats
// other text like Text does.
func URL(address string) string {
	if strings.Contains(address, "://") {
		address = inAddress(address) // Text would end the address at white space
	}
	return Text(address)
}

// Error returns an error whose text contains no secrets. errors.Is and errors.As work as
// on err.
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

// KnownError is like Error, and also masks the given secrets.
func KnownError(err error, secrets ...string) error {
	if text := Known(err.Error(), secrets...); text != err.Error() {
		err = redacted{text, err}
	}
	return Error(err)
}

// redacted replaces the text of an error.
type redacted struct {
	text string
	err  error
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.err }

// Known masks the given secrets in a text, in every spelling in which a server may repeat
// them. It ignores secrets of less than four bytes, which occur in any text.
func Known(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		for _, spelling := range spellings(secret) {
			text = strings.ReplaceAll(text, spelling, Mask)
		}
	}
	return text
}

const minSecret = 4

// spellings returns the ways to write a secret: plain, quoted, in JSON and in a URL; the
// longest first.
func spellings(secret string) []string {
	inside := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	all := []string{secret, inside(strconv.Quote(secret)), url.QueryEscape(secret), url.PathEscape(secret)}
	if inJSON, err := json.Marshal(secret); err == nil {
		all = append(all, inside(string(inJSON)))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// InURL returns the secrets that an address may contain: its user name, password and
// query values.
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

// InEnvironment returns the values of variables whose names indicate a secret. environ
// has the form of os.Environ. It ignores values of less than eight bytes, which are
// mostly words such as true.
func InEnvironment(environ []string) (secrets []string) {
	for _, variable := range environ {
		if name, value, _ := strings.Cut(variable, "="); len(value) >= 8 && secretName.MatchString(name) {
			secrets = append(secrets, value)
		}
	}
	return secrets
}
