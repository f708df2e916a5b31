package client

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Secret is one version of a secret. It prints as "[secret]" and refuses to be
// marshalled, so that no value gets into a log by accident: its fields do not.
type Secret struct {
	ARN           string
	Name          string
	VersionID     string
	VersionStages []string
	CreatedDate   time.Time
	SecretString  *string // nil for a binary secret
	SecretBinary  []byte  // nil for a text secret
}

const redacted = "[secret]"

func (s Secret) String() string             { return redacted }
func (s Secret) GoString() string           { return redacted }
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue keeps log/slog from printing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (s Secret) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a secret is not marshalled")
}

// wireSecret is the endpoint's JSON, as AWS's own extension has it.
type wireSecret struct {
	ARN           string
	CreatedDate   time.Time
	Name          string
	SecretBinary  []byte
	SecretString  *string
	VersionID     string `json:"VersionId"`
	VersionStages []string
}

func (w *wireSecret) secret() *Secret {
	return &Secret{
		ARN: w.ARN, Name: w.Name, VersionID: w.VersionID, VersionStages: w.VersionStages,
		CreatedDate: w.CreatedDate, SecretString: w.SecretString, SecretBinary: w.SecretBinary,
	}
}
