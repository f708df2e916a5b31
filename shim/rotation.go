package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// RotationError fails the invocation of a rotation event that could not be
// followed. Lambda then sends the event again; the old values stay meanwhile.
type RotationError struct {
	SecretIDs []string // as the event names them
	Err       error
}

func (e *RotationError) Error() string {
	return fmt.Sprintf("rotation of %s: %v", strings.Join(e.SecretIDs, ", "), e.Err)
}

func (e *RotationError) Unwrap() error { return e.Err }

// follow has the extension renew the secrets, then renews the process. It returns
// the answer to the invocation, or nil if the extension holds none of the secrets.
func (s *Secrets) follow(ctx context.Context, payload []byte, rotations []event.Rotation) ([]byte, error) {
	ctx, cancel := beforeDeadline(ctx)
	defer cancel()
	r, err := s.tell(ctx, payload, rotations)
	if err == nil && r.Rotated {
		err = s.Renew(ctx)
	}
	if err != nil {
		e := &RotationError{Err: err}
		for _, rotation := range rotations {
			e.SecretIDs = append(e.SecretIDs, rotation.SecretID)
		}
		return nil, e
	}
	if !r.Rotated {
		return nil, nil
	}
	return r.Body, nil
}

// tell hands the event to the extension, or, where only the options of this
// function recognise all of it, each of its rotations. The event is the better
// message: it has the time and every name of the secret.
func (s *Secrets) tell(ctx context.Context, payload []byte, rotations []event.Rotation) (client.Rotation, error) {
	if s.client == nil {
		return client.Rotation{}, s.explain(s.clientErr)
	}
	if s.matcher == s.settings.matcher || slices.Equal(rotations, s.settings.matcher.Match(payload)) {
		r, err := s.client.Rotation(ctx, payload)
		if err != nil {
			return r, s.explain(err)
		}
		return r, nil
	}
	all := make([]client.Rotation, len(rotations))
	errs := make([]error, len(rotations))
	atOnce := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i, rotation := range rotations {
		wg.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			if all[i], errs[i] = s.tellOne(ctx, rotation); errs[i] != nil {
				errs[i] = s.explain(errs[i])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return client.Rotation{}, err
	}
	return combine(rotations, all)
}

func (s *Secrets) tellOne(ctx context.Context, rotation event.Rotation) (client.Rotation, error) {
	r, err := s.client.RotationOf(ctx, rotation.SecretID, rotation.VersionID)
	if err != nil || r.Rotated || rotation.Name == "" {
		return r, err
	}
	return s.client.RotationOf(ctx, rotation.Name, rotation.VersionID)
}

// combine makes one answer of several, in the form the extension gives a batch.
func combine(rotations []event.Rotation, all []client.Rotation) (client.Rotation, error) {
	held := slices.IndexFunc(all, func(r client.Rotation) bool { return r.Rotated })
	if held < 0 || len(all) == 1 {
		return all[0], nil
	}
	type one struct {
		Rotated   bool   `json:"rotated"`
		SecretID  string `json:"secretId"`
		VersionID string `json:"versionId,omitempty"`
		Changed   bool   `json:"changed"`
	}
	var body struct {
		one
		Secrets []one `json:"secrets"`
	}
	for i, r := range all {
		body.Secrets = append(body.Secrets, one{r.Rotated, rotations[i].SecretID, r.VersionID, r.Changed})
	}
	body.one = body.Secrets[held]
	first := all[held]
	var err error
	first.Body, err = json.Marshal(body)
	return first, err
}
