//go:build linux

package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// refresh asks as a client does whose value was refused: the answer is the version
// that is held afterwards.
func (r *reader) refresh(secret string) (string, error) {
	before := r.truth.now(secret)
	status, body, err := r.post(context.Background(), r.client, "/refresh?secretId="+secret, nil)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "error", r.failure(secret, status, body, before.at)
	}
	var got struct{ VersionID string }
	if err := json.Unmarshal(body, &got); err != nil {
		return "", err
	}
	v, err := r.truth.version(secret, got.VersionID)
	if err != nil {
		return "", err
	}
	return "refresh", r.notOlder(v, before.shown)
}

// env reads the variables of all named secrets and checks those of one.
func (r *reader) env(secret string) (string, error) {
	if secret >= r.names[namedSecrets] {
		secret = r.names[r.random.IntN(namedSecrets)]
	}
	before := r.truth.now(secret)
	status, body, _, err := r.get(r.client, "/env", "")
	if err == nil && status != http.StatusOK {
		return "error", r.failureOfSome(r.names[:namedSecrets], status, body, before)
	}
	var vars map[string]string
	if err == nil {
		err = json.Unmarshal(body, &vars)
	}
	if err != nil {
		return "", err
	}
	v, err := r.variables(vars, secret)
	if err != nil {
		return "", err
	}
	return "env", r.notOlder(v, before.shown)
}

// failureOfSome is nil for an error that a fault of one of the secrets explains: one
// that cannot be had for too long fails them all.
func (r *reader) failureOfSome(secrets []string, status int, body []byte, before known) (err error) {
	for _, secret := range secrets {
		if err = r.failure(secret, status, body, before.at); err == nil {
			return nil
		}
	}
	return err
}

// variables returns the version that the variables of a secret are of, which is one
// and the same for all of them.
func (w *world) variables(vars map[string]string, secret string) (version, error) {
	prefix := "S" + strings.TrimPrefix(secret, "soak/") + "_"
	n, err := strconv.Atoi(vars[prefix+"n"])
	if err != nil {
		return version{}, fmt.Errorf("%sn: %w", prefix, err)
	}
	v := version{secret, n}
	if vars[prefix+"secret"] != secret || vars[prefix+"password"] != v.password() {
		return v, fmt.Errorf("the variables %s* are of more than one version", prefix)
	}
	return v, nil
}

// written returns the version that the dotenv file has.
func (w *world) written(secret string) (version, error) {
	data, err := os.ReadFile(w.file)
	if err != nil {
		return version{}, err
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return w.variables(vars, secret)
}

func (r *reader) ping(string) (string, error) {
	status, body, _, err := r.get(r.client, "/ping", "")
	if err == nil && (status != http.StatusOK || string(body) != "healthy") {
		err = fmt.Errorf("status %d: %.100q", status, body)
	}
	return "ping", err
}
