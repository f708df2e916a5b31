package awstest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Lambda is a fake of AWS Lambda: functions with their versions, aliases, layers
// and resource policies. It is an [http.Handler].
type Lambda struct {
	API
	mux *http.ServeMux

	// Under API.mu.
	functions map[string]*function // by name
	layers    map[string][]layer   // by layer ARN, the version 1 first

	async sync.WaitGroup // invocations of the type Event
}

// NewLambda starts the fake on a port of 127.0.0.1. The caller must Close it.
func NewLambda(p Place) *Lambda {
	l := NewLambdaHandler(p)
	l.server = httptest.NewServer(l)
	return l
}

// NewLambdaHandler makes the fake without a server.
func NewLambdaHandler(p Place) *Lambda {
	l := &Lambda{
		API:       newAPI(p),
		mux:       http.NewServeMux(),
		functions: make(map[string]*function),
		layers:    make(map[string][]layer),
	}
	for _, o := range lambdaOperations {
		l.mux.HandleFunc(o.route, l.serve(o))
	}
	return l
}

// Env returns the environment variables that make an AWS SDK use the fake.
func (l *Lambda) Env() []string { return l.env("LAMBDA") }

// Close waits for the invocations that were accepted, and stops the server.
func (l *Lambda) Close() {
	l.async.Wait()
	l.API.Close()
}

// Function is what [Lambda.Create] makes.
type Function struct {
	Name          string
	Role          string            // ARN; "" is the role "app"
	Runtime       string            // "" is python3.14, and none for an image
	Architectures []string          // nil is x86_64
	PackageType   string            // "" is Zip; Image has no layers
	Layers        []string          // ARNs of layer versions
	Env           map[string]string // its variables
	Timeout       int               // seconds; 0 is 3
	MemorySize    int               // MB; 0 is 128
	SnapStart     bool              // of published versions

	State            string // "" is Active
	LastUpdateStatus string // "" is Successful

	Versions []string          // that were published; they are as the function is now
	Aliases  map[string]string // name to version
}

func (f Function) clone() Function {
	f.Architectures, f.Layers = slices.Clone(f.Architectures), slices.Clone(f.Layers)
	f.Env, f.Aliases = maps.Clone(f.Env), maps.Clone(f.Aliases)
	return f
}

// Handler is the code of a function. A functionError, Handled or Unhandled, says
// that it failed and the response is its error object.
type Handler func(ctx context.Context, payload []byte) (response []byte, functionError string)

type function struct {
	Function
	revision    string
	published   map[string]Function // by version
	policies    map[string]*resourcePolicy
	concurrency *int
	handler     Handler
}

// Create makes a function, or one in the place of another with its name: that
// one's policies are gone. It returns the unqualified ARN.
func (l *Lambda) Create(f Function) (arn string) {
	if f.Role == "" {
		f.Role = l.place.arn("iam", "role/app")
	}
	if f.PackageType != "Image" && f.Runtime == "" {
		f.Runtime = "python3.14"
	}
	if f.Architectures == nil {
		f.Architectures = []string{"x86_64"}
	}
	f = f.clone()
	l.mu.Lock()
	defer l.mu.Unlock()
	made := &function{Function: f, revision: newUUID(), published: make(map[string]Function), policies: make(map[string]*resourcePolicy)}
	for _, v := range f.Versions {
		made.published[v] = f
	}
	for name, v := range f.Aliases {
		if _, ok := made.published[v]; !ok && v != latest {
			panic(fmt.Sprintf("awstest: alias %q is on version %q, which function %q does not have", name, v, f.Name))
		}
	}
	l.functions[f.Name] = made
	return l.functionARN(f.Name, "")
}

// Publish makes a version of the function as it is now, and puts the aliases on it.
func (l *Lambda) Publish(name string, aliases ...string) (version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.must(name)
	version = strconv.Itoa(len(f.published) + 1)
	f.published[version] = f.Function
	if f.Aliases == nil {
		f.Aliases = make(map[string]string)
	}
	for _, a := range aliases {
		f.Aliases[a] = version
	}
	return version
}

// Delete removes a function.
func (l *Lambda) Delete(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.functions, l.must(name).Name)
}

// Configure changes a function, past all of the service's checks.
func (l *Lambda) Configure(name string, change func(*Function)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.must(name)
	f.Function = f.clone() // versions and answers under way keep theirs
	change(&f.Function)
	f.revision = newUUID()
}

// Handle sets the code of a function; a function without any answers null.
func (l *Lambda) Handle(name string, h Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.must(name).handler = h
}

// SetConcurrency reserves concurrent executions for a function. With 0, no
// invocation is let in; less than 0 takes the reservation away.
func (l *Lambda) SetConcurrency(name string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.must(name)
	f.concurrency = nil
	if n >= 0 {
		f.concurrency = &n
	}
}

func (l *Lambda) must(name string) *function {
	f := l.functions[name]
	if f == nil {
		panic(fmt.Sprintf("awstest: there is no function %q", name))
	}
	return f
}

func (l *Lambda) functionARN(name, qualifier string) string {
	arn := l.place.arn("lambda", "function:"+name)
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}

// layer is a version of a layer.
type layer struct {
	architectures []string
	description   string
}

// PutLayer publishes a version of a layer and returns the version's ARN. The name
// may be a layer ARN, for a layer of another account that everyone may use.
func (l *Lambda) PutLayer(name string, architectures []string, description string) (versionARN string) {
	if !strings.HasPrefix(name, "arn:") {
		name = l.place.arn("lambda", "layer:"+name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.layers[name] = append(l.layers[name], layer{slices.Clone(architectures), description})
	return name + ":" + strconv.Itoa(len(l.layers[name]))
}

// latest is the version that can be changed.
const latest = "$LATEST"

// version returns the function as it is under a qualifier, and which version that
// is; false if there is no such version or alias.
func (f *function) version(qualifier string) (Function, string, bool) {
	if v, ok := f.Aliases[qualifier]; ok {
		qualifier = v
	}
	if qualifier == "" || qualifier == latest {
		return f.Function, latest, true
	}
	v, ok := f.published[qualifier]
	return v, qualifier, ok
}
