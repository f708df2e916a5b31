package wiring

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	// LayerName is what the layer is published as, with the architecture behind it.
	LayerName = "aws-secretsmanager"
	// LayerDescription is what it is published with: it tells the layer under any name.
	LayerDescription = "Keeps the secrets of a function current"
)

// layer checks that the function has the layer, and the one for its processor.
func (r *report) layer(ctx context.Context) {
	f := r.function
	on := f.String()
	if f.config.PackageType == lambdatypes.PackageTypeImage {
		const why = "the function is a container image, which nobody can look into from here; see whether the extension answers with --send"
		r.add(CheckLayer, on, Unknown, why, "")
		return
	}
	layers := make([]string, 0, len(f.config.Layers))
	for _, l := range f.config.Layers {
		layers = append(layers, aws.ToString(l.Arn))
	}
	ours, info := r.findLayer(ctx, layers)
	if ours == "" {
		detail := "it has no layer"
		if len(layers) > 0 {
			detail = "its layers are " + strings.Join(layers, ", ")
		}
		r.failed(CheckLayer, on, detail, r.attach(append(layers, "LAYER_VERSION_ARN")))
		return
	}
	r.ok(CheckLayer, on, ours)

	want := "x86_64" // Lambda's own default
	if len(f.config.Architectures) > 0 {
		want = string(f.config.Architectures[0])
	}
	have := architectures(ours, info)
	switch {
	case len(have) == 0:
		r.add(CheckArchitecture, on, Unknown, "layer "+ours+" does not say which it is for; the function is "+want,
			r.attach(replaced(layers, ours, want)))
	case slices.Contains(have, want):
		r.ok(CheckArchitecture, on, want)
	default:
		r.failed(CheckArchitecture, on, fmt.Sprintf("the layer is for %s, the function is %s: its start will fail", strings.Join(have, ", "), want),
			r.attach(replaced(layers, ours, want)))
	}
}

// replaced has another layer in the place of ours.
func replaced(layers []string, ours, architecture string) []string {
	other := slices.Clone(layers)
	other[slices.Index(other, ours)] = "LAYER_VERSION_ARN_FOR_" + architecture
	return other
}

// attach names every layer, because Lambda replaces them all at once.
func (r *report) attach(layers []string) string {
	return "aws lambda update-function-configuration --function-name " + r.function.Name + " --layers " + strings.Join(layers, " ") +
		" --query LastUpdateStatus --output text" + r.publish()
}

// findLayer returns the ARN of our layer among others, and what Lambda says of
// it: nil if the caller may not ask.
func (r *report) findLayer(ctx context.Context, layers []string) (string, *lambda.GetLayerVersionOutput) {
	name := cmp.Or(r.v.Layer, LayerName)
	for _, l := range layers {
		if strings.Contains(layerName(l), name) {
			return l, r.layerInfo(ctx, l)
		}
	}
	for _, l := range layers {
		if info := r.layerInfo(ctx, l); info != nil && aws.ToString(info.Description) == LayerDescription {
			return l, info
		}
	}
	return "", nil
}

// layerInfo returns nil for a layer of another account that keeps its details.
func (r *report) layerInfo(ctx context.Context, layer string) *lambda.GetLayerVersionOutput {
	i := strings.LastIndex(layer, ":")
	version, err := strconv.ParseInt(layer[i+1:], 10, 64)
	if err != nil {
		return nil
	}
	out, err := r.clients.Lambda.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: aws.String(layer[:i]), VersionNumber: &version})
	if err != nil {
		return nil
	}
	return out
}

// layerName takes arn:…:layer:NAME:VERSION apart.
func layerName(layer string) string {
	a, err := arn.Parse(layer)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(a.Resource, "layer:"), ":")
	return name
}

// architectures are those that the layer was published for, or those in its name.
func architectures(layer string, info *lambda.GetLayerVersionOutput) []string {
	var list []string
	if info != nil {
		for _, a := range info.CompatibleArchitectures {
			list = append(list, string(a))
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, a := range []string{"x86_64", "arm64"} {
		if strings.HasSuffix(layerName(layer), "-"+a) {
			return []string{a}
		}
	}
	return nil
}
