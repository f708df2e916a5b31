package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What is linked is downloaded and unpacked at every cold start, and what the
// operator's command needs is of no use to a function.
func TestLayerLinksOnlyWhatItNeeds(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-tags", "nethttpomithttp2", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const sdk = "github.com/aws/aws-sdk-go-v2/"
	allowed := map[string]bool{
		"github.com/aws/aws-sdk-go-v2": true, "github.com/aws/smithy-go": true, "golang.org/x/sync": true,
		"github.com/aws-secretsmanager/lambda-extension": true,
	}
	var services []string
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if service, ok := strings.CutPrefix(dep, sdk+"service/"); ok && !strings.HasPrefix(service, "internal/") {
			services = append(services, service)
		}
		if dep == sdk+"config" {
			t.Errorf("%s is linked: it weighs 2 MB and takes 4 ms of every start", dep)
		}
		parts := strings.SplitN(dep, "/", 4)
		if strings.Contains(parts[0], ".") && !allowed[strings.Join(parts[:min(3, len(parts))], "/")] {
			t.Errorf("%s is linked, and its module is not among those that the layer may have", dep)
		}
	}
	for _, s := range services {
		if s != "secretsmanager" && !strings.HasPrefix(s, "secretsmanager/") {
			t.Errorf("the SDK of %s is linked, want secretsmanager alone", s)
		}
	}
	if len(services) == 0 {
		t.Error("no SDK of secretsmanager is linked: the list is not of the layer's binary")
	}
}
