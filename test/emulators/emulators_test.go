// Package emulators rotates secrets in emulators of AWS that others wrote: by the
// example's rotation function, with what the command rotation sets up, to the end in
// a function with the extension. Package endpoint asks the endpoint alone.
//
// The tests run only when the variables MINISTACK_URL and MOTO_URL have the emulators'
// addresses:
//
//	scripts/with-emulators go test ./test/emulators
package emulators

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const (
	// canary is part of every secret value here, and must never be printed.
	canary = "c4n4ry"
	region = "us-east-1"
	// patience is how long anything may take before it counts as hanging.
	patience = 30 * time.Second
)

var (
	binary  string            // the built extension
	command string            // the built command rotation
	urls    map[string]string // of the emulators
)

func TestMain(m *testing.M) {
	urls = map[string]string{"ministack": os.Getenv("MINISTACK_URL"), "moto": os.Getenv("MOTO_URL")}
	if urls["ministack"] == "" && urls["moto"] == "" {
		fmt.Println("emulators: no test was run, because MINISTACK_URL and MOTO_URL are not set: see scripts/with-emulators")
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	for name, url := range urls {
		if url == "" {
			fmt.Fprintf(os.Stderr, "emulators: the URL of %s is not set, and the other one is\n", name)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "emulators")
	if err != nil {
		fmt.Fprintln(os.Stderr, "emulators:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "aws-secretsmanager")
	command = filepath.Join(dir, "rotation")
	for path, from := range map[string]string{binary: "../../cmd/extension", command: "../../cmd/rotation"} {
		if out, err := exec.Command("go", "build", "-o", path, from).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "emulators: build %s: %v\n%s", from, err, out)
			return 1
		}
	}
	return m.Run()
}

// each runs a test against every emulator, with a prefix that makes names of secrets new.
func each(t *testing.T, test func(t *testing.T, e *emulator)) {
	for name, endpoint := range urls {
		t.Run(name, func(t *testing.T) {
			client := secretsmanager.New(secretsmanager.Options{
				Region:       region,
				BaseEndpoint: aws.String(endpoint),
				Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
			})
			test(t, &emulator{t: t, name: name, url: endpoint, prefix: "t" + rand.Text()[:8] + "/", client: client})
		})
	}
}

type emulator struct {
	t      *testing.T
	name   string
	url    string
	prefix string
	client *secretsmanager.Client
}

func (e *emulator) create(name, value string) (arn, version string) {
	e.t.Helper()
	out, err := e.client.CreateSecret(e.t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(e.prefix + name), SecretString: &value})
	if err != nil {
		e.t.Fatal(err)
	}
	return *out.ARN, *out.VersionId
}
