package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// withPassword returns a JSON object with another string in its member key. Every
// other byte stays what it is: the order of the members, the spelling of numbers,
// white space. A member that is there twice is replaced twice, since readers
// differ in which one they take.
//
// Errors name the key and never quote the object.
func withPassword(object, key, password string) (string, error) {
	if !json.Valid([]byte(object)) || !strings.HasPrefix(strings.TrimLeft(object, " \t\r\n"), "{") {
		return "", errors.New("the current value is no JSON object, want one with the password in a member")
	}
	var b, encoded strings.Builder
	e := json.NewEncoder(&encoded)
	e.SetEscapeHTML(false) // as people read it in the console
	if err := e.Encode(password); err != nil {
		return "", err
	}
	copied := 0
	d := json.NewDecoder(strings.NewReader(object))
	_, _ = d.Token() // {, as everything below is known to be valid
	for d.More() {
		var value json.RawMessage
		name, _ := d.Token()
		_ = d.Decode(&value)
		if name != key {
			continue
		}
		if value[0] != '"' {
			return "", fmt.Errorf("member %q of the current value is no string: PASSWORD_KEY names the one with the password", key)
		}
		end := int(d.InputOffset())
		b.WriteString(object[copied : end-len(value)])
		b.WriteString(strings.TrimSuffix(encoded.String(), "\n"))
		copied = end
	}
	if copied == 0 {
		return "", fmt.Errorf("the current value has no member %q: PASSWORD_KEY names the one with the password", key)
	}
	b.WriteString(object[copied:])
	return b.String(), nil
}
