package templates

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCDK(t *testing.T) {
	everywhere(t, func(t *testing.T, p place, key string) {
		out := "cdk"
		if key != "" {
			out = "cdk-key"
		}
		w := want(p, key)
		w.Code = appSource(t)
		w.Kinds = map[string]int{
			"AWS::Lambda::Function": 1, "AWS::IAM::Role": 1, "AWS::IAM::Policy": 1, "AWS::Events::Rule": 1, "AWS::Lambda::Permission": 1,
		}
		s := resolve(t, read(t, prepared, out, "SecretsExample.template.json"), p, nil)
		got := s.made(t)
		_, fn := s.only(t, "AWS::Lambda::Function")
		asset, _ := fn.Metadata["aws:asset:path"].(string)
		got.Code = string(read(t, prepared, out, asset, "app.py"))
		compare(t, got, w)
	})
}

func TestCDKContext(t *testing.T) {
	good := map[string]string{"secret": secretName, "layer": layerARN}
	if out, err := app(t, good); err != nil {
		t.Errorf("with what must be given: %v\n%s", err, out)
	}
	for name, values := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			context := maps.Clone(good)
			context[name] = values[len(values)-1]
			if out, err := app(t, context); err == nil || !strings.Contains(out, "-c "+name+"=") {
				t.Errorf("%q is not refused: %v\n%s", context[name], err, out)
			}
		})
	}
}

// app runs the synthesised app as the command of the CDK does.
func app(t *testing.T, context map[string]string) (string, error) {
	t.Helper()
	text, err := json.Marshal(context)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join("dist", "app.js"))
	cmd.Dir = filepath.Join(prepared, "templates", "cdk")
	cmd.Env = append(os.Environ(), "CDK_CONTEXT_JSON="+string(text), "CDK_OUTDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}
