package awstest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type layerReference struct {
	Arn      string
	CodeSize int
}

type configuration struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string `json:",omitempty"`
	Role             string
	Handler          string `json:",omitempty"`
	CodeSize         int
	Timeout          int
	MemorySize       int
	LastModified     string
	CodeSha256       string
	Version          string
	Environment      *environment `json:",omitempty"`
	TracingConfig    map[string]string
	RevisionID       string           `json:"RevisionId"`
	Layers           []layerReference `json:",omitempty"`
	State            string
	LastUpdateStatus string
	PackageType      string
	Architectures    []string
	EphemeralStorage map[string]int
	SnapStart        map[string]string
}

type environment struct {
	Variables map[string]string
}

// describe is the configuration of a function under the ARN that was asked for.
func (f *function) describe(as Function, version, arn string) configuration {
	c := configuration{
		FunctionName: as.Name, FunctionArn: arn, Role: as.Role,
		Runtime: as.Runtime, Handler: "app.handler",
		CodeSize: 512, CodeSha256: "4tqVsPkqpP9bXRTuNyPPzhlfxLEJb9kw9uVvXbXcXzE=",
		Timeout: cmp.Or(as.Timeout, 3), MemorySize: cmp.Or(as.MemorySize, 128),
		LastModified: "2026-01-02T03:04:05.000+0000", Version: version, RevisionID: f.revision,
		State: cmp.Or(as.State, "Active"), LastUpdateStatus: cmp.Or(as.LastUpdateStatus, "Successful"),
		PackageType: cmp.Or(as.PackageType, "Zip"), Architectures: as.Architectures,
		TracingConfig: map[string]string{"Mode": "PassThrough"}, EphemeralStorage: map[string]int{"Size": 512},
		SnapStart: map[string]string{"ApplyOn": "None", "OptimizationStatus": "Off"},
	}
	if as.PackageType == "Image" {
		c.Runtime, c.Handler = "", ""
	}
	if len(as.Env) > 0 {
		c.Environment = &environment{as.Env}
	}
	for _, l := range as.Layers {
		c.Layers = append(c.Layers, layerReference{l, 4096})
	}
	if as.SnapStart {
		c.SnapStart["ApplyOn"] = "PublishedVersions"
		if version != latest {
			c.SnapStart["OptimizationStatus"] = "On"
		}
	}
	return c
}

func (l *Lambda) getConfiguration(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, as, version, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	return lambdaAnswer{body: f.describe(as, version, req.arn)}, nil
}

func (l *Lambda) getFunction(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, as, version, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	code := map[string]string{"RepositoryType": "S3", "Location": l.URL() + "/code.zip"}
	if as.PackageType == "Image" {
		code = map[string]string{"RepositoryType": "ECR", "ImageUri": l.place.Account + ".dkr.ecr." + l.place.Region + ".amazonaws.com/" + as.Name + ":latest"}
	}
	return lambdaAnswer{body: struct {
		Configuration configuration
		Code          map[string]string
		Concurrency   *concurrency `json:",omitempty"`
	}{f.describe(as, version, req.arn), code, f.reserved()}}, nil
}

type concurrency struct {
	ReservedConcurrentExecutions *int `json:",omitempty"`
}

func (f *function) reserved() *concurrency {
	if f.concurrency == nil {
		return nil
	}
	return &concurrency{f.concurrency}
}

// getConcurrency takes no qualifier: concurrency is the function's.
func (l *Lambda) getConcurrency(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, _, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	return lambdaAnswer{body: cmp.Or(f.reserved(), &concurrency{})}, nil
}

func (l *Lambda) getAlias(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, _, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	name := req.PathValue("alias")
	arn := l.functionARN(req.name, name)
	version, exists := f.Aliases[name]
	if !exists {
		return lambdaAnswer{}, lambdaNotFound("Cannot find alias arn: " + arn)
	}
	return lambdaAnswer{body: map[string]string{
		"AliasArn": arn, "Name": name, "FunctionVersion": version, "Description": "", "RevisionId": f.revision,
	}}, nil
}

type updateConfiguration struct {
	Role        string
	Runtime     string
	Timeout     int
	MemorySize  int
	Layers      *[]string
	Environment *environment
	RevisionID  string `json:"RevisionId"`
}

// updateConfiguration replaces what the request has; a list of layers and a map of
// variables replace the whole of what was there.
func (l *Lambda) updateConfiguration(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	var in updateConfiguration
	if failure := req.decode(&in); failure != nil {
		return lambdaAnswer{}, failure
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, as, version, failure := l.find(req)
	switch {
	case failure != nil:
		return lambdaAnswer{}, failure
	case as.LastUpdateStatus == "InProgress":
		return lambdaAnswer{}, lambdaConflict("The operation cannot be performed at this time. An update is in progress for resource: " + req.arn)
	case in.RevisionID != "" && in.RevisionID != f.revision:
		return lambdaAnswer{}, &lambdaError{http.StatusPreconditionFailed, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}
	}
	f.Role = cmp.Or(in.Role, f.Role)
	f.Runtime = cmp.Or(in.Runtime, f.Runtime)
	f.Timeout = cmp.Or(in.Timeout, f.Timeout)
	f.MemorySize = cmp.Or(in.MemorySize, f.MemorySize)
	if in.Environment != nil {
		f.Env = in.Environment.Variables
	}
	if in.Layers != nil {
		for _, arn := range *in.Layers {
			if _, _, exists := l.layerVersion(arn); !exists && strings.HasPrefix(arn, l.place.arn("lambda", "layer:")) {
				return lambdaAnswer{}, lambdaInvalid("Layer version " + arn + " does not exist.")
			}
		}
		f.Layers = slices.Clone(*in.Layers)
	}
	f.revision = newUUID()
	return lambdaAnswer{body: f.describe(f.Function, version, req.arn)}, nil
}

// layerVersion finds a version of a layer by its ARN. The lock is held.
func (l *Lambda) layerVersion(versionARN string) (layer, int, bool) {
	i := strings.LastIndex(versionARN, ":")
	if i < 0 {
		return layer{}, 0, false
	}
	n, err := strconv.Atoi(versionARN[i+1:])
	versions := l.layers[versionARN[:i]]
	if err != nil || n < 1 || n > len(versions) {
		return layer{}, 0, false
	}
	return versions[n-1], n, true
}

// layerVersionARN is the version that a request for one is about.
func (req *lambdaRequest) layerVersionARN(l *Lambda) string {
	name := req.PathValue("layer")
	if name == "" {
		return req.URL.Query().Get("Arn")
	}
	if !strings.HasPrefix(name, "arn:") {
		name = l.place.arn("lambda", "layer:"+name)
	}
	return name + ":" + req.PathValue("version")
}

func (l *Lambda) getLayerVersion(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, n, exists := l.layerVersion(req.arn)
	if !exists {
		return lambdaAnswer{}, lambdaNotFound("Layer version " + req.arn + " does not exist.")
	}
	return lambdaAnswer{body: struct {
		LayerArn                string
		LayerVersionArn         string
		Description             string
		CreatedDate             string
		Version                 int
		CompatibleArchitectures []string `json:",omitempty"`
		Content                 map[string]any
	}{
		req.arn[:strings.LastIndex(req.arn, ":")], req.arn, v.description, "2026-01-02T03:04:05.000+0000", n, v.architectures,
		map[string]any{"Location": l.URL() + "/layer.zip", "CodeSize": 4096, "CodeSha256": "tv9jJO+rPbXUUXuRKi7CwHzKtLDkDRJLB3cC3Z/ouXo="},
	}}, nil
}
