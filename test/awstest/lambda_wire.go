package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// lambdaOperation is one operation of the REST API.
// https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
type lambdaOperation struct {
	route, name string
	run         func(*Lambda, *lambdaRequest) (lambdaAnswer, *lambdaError)
}

var lambdaOperations = []lambdaOperation{
	{"GET /2015-03-31/functions/{function}", "GetFunction", (*Lambda).getFunction},
	{"GET /2015-03-31/functions/{function}/configuration", "GetFunctionConfiguration", (*Lambda).getConfiguration},
	{"PUT /2015-03-31/functions/{function}/configuration", "UpdateFunctionConfiguration", (*Lambda).updateConfiguration},
	{"GET /2015-03-31/functions/{function}/aliases/{alias}", "GetAlias", (*Lambda).getAlias},
	{"GET /2015-03-31/functions/{function}/policy", "GetPolicy", (*Lambda).getPolicy},
	{"POST /2015-03-31/functions/{function}/policy", "AddPermission", (*Lambda).addPermission},
	{"DELETE /2015-03-31/functions/{function}/policy/{sid}", "RemovePermission", (*Lambda).removePermission},
	{"GET /2019-09-30/functions/{function}/concurrency", "GetFunctionConcurrency", (*Lambda).getConcurrency},
	{"POST /2015-03-31/functions/{function}/invocations", "Invoke", (*Lambda).invoke},
	{"GET /2018-10-31/layers", "GetLayerVersionByArn", (*Lambda).getLayerVersion},
	{"GET /2018-10-31/layers/{layer}/versions/{version}", "GetLayerVersion", (*Lambda).getLayerVersion},
}

// permission is the IAM action of an operation.
func (o lambdaOperation) permission() string {
	switch o.name {
	case "Invoke":
		return "lambda:InvokeFunction"
	case "GetLayerVersionByArn":
		return "lambda:GetLayerVersion"
	}
	return "lambda:" + o.name
}

type lambdaRequest struct {
	*http.Request
	action string // the permission that it needs
	body   []byte

	// What the function's identifier names: its name, the qualifier, and both as an
	// ARN; foreign is one of another account.
	name, qualifier, arn string
	foreign              bool
}

type lambdaAnswer struct {
	status int // 0 is 200
	header map[string]string
	body   any // []byte is sent as it is
}

type lambdaError struct {
	status        int
	code, message string
}

// maxInvocation is Lambda's limit of a synchronous payload, in bytes.
const maxInvocation = 6 << 20

func (l *Lambda) serve(o lambdaOperation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxInvocation))
		req := &lambdaRequest{Request: r, action: o.permission(), body: body}
		failure := l.resolve(req)
		call, code, message := l.record(r, req.action, req.arn)
		var a lambdaAnswer
		switch {
		case code != "":
			failure = &lambdaError{http.StatusForbidden, code, message}
		case err != nil:
			failure = &lambdaError{http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}
		case failure == nil:
			a, failure = o.run(l, req)
		}
		if failure != nil {
			a = failure.answer()
		}
		l.answered(call, a.write(w))
	}
}

// ServeHTTP answers one call of the REST API.
func (l *Lambda) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.mux.ServeHTTP(w, r) }

func (a lambdaAnswer) write(w http.ResponseWriter) (status int) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	body, raw := a.body.([]byte)
	if !raw && a.body != nil {
		body = ok(a.body).body
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Requestid", newUUID())
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
	return a.status
}

func (e *lambdaError) answer() lambdaAnswer {
	return lambdaAnswer{
		status: e.status,
		header: map[string]string{"X-Amzn-Errortype": e.code},
		body: struct {
			Type    string
			Message string
		}{"User", e.message},
	}
}

func lambdaNotFound(message string) *lambdaError {
	return &lambdaError{http.StatusNotFound, "ResourceNotFoundException", message}
}

func lambdaConflict(message string) *lambdaError {
	return &lambdaError{http.StatusConflict, "ResourceConflictException", message}
}

func lambdaInvalid(message string) *lambdaError {
	return &lambdaError{http.StatusBadRequest, "InvalidParameterValueException", message}
}

// lambdaConstraint is the refusal of a member that does not fit its pattern.
func lambdaConstraint(member, value, pattern string) *lambdaError {
	return &lambdaError{http.StatusBadRequest, "ValidationException", fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, member, pattern)}
}

// functionID is what AWS takes for a function: its name, a partial or full ARN,
// each with a qualifier or without.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
const functionID = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

var functionIDs = regexp.MustCompile(`^` + functionID + `$`)

// resolve finds the function that a request is about, if it is about one.
func (l *Lambda) resolve(req *lambdaRequest) *lambdaError {
	id := req.PathValue("function")
	if id == "" {
		req.arn = req.layerVersionARN(l)
		return nil
	}
	req.arn = id
	m := functionIDs.FindStringSubmatch(id)
	if m == nil {
		return lambdaConstraint("functionName", id, functionID)
	}
	region, account := strings.TrimSuffix(m[3], ":"), strings.TrimSuffix(m[9], ":")
	req.name, req.qualifier = m[11], m[13]
	if q := req.URL.Query().Get("Qualifier"); q != "" {
		if req.qualifier != "" && req.qualifier != q {
			return lambdaInvalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		req.qualifier = q
	}
	place := l.place
	if account != "" {
		place.Account = account
	}
	req.foreign = place != l.place
	req.arn = place.arn("lambda", "function:"+req.name)
	if req.qualifier != "" {
		req.arn += ":" + req.qualifier
	}
	if region != "" && region != l.place.Region {
		return lambdaNotFound(fmt.Sprintf("Functions from '%s' are not reachable in this region ('%s')", region, l.place.Region))
	}
	return nil
}

// find returns the function of the request as it is under the qualifier, and which
// version that is. The lock is held.
func (l *Lambda) find(req *lambdaRequest) (f *function, as Function, version string, failure *lambdaError) {
	if req.foreign {
		return nil, as, "", &lambdaError{http.StatusForbidden, "AccessDeniedException", l.denial(req.action, req.arn, "resource-based")}
	}
	if f = l.functions[req.name]; f == nil {
		return nil, as, "", lambdaNotFound("Function not found: " + req.arn)
	}
	as, version, exists := f.version(req.qualifier)
	if !exists {
		return nil, as, "", lambdaNotFound("Function not found: " + req.arn)
	}
	return f, as, version, nil
}

func (req *lambdaRequest) decode(target any) *lambdaError {
	if err := json.Unmarshal(req.body, target); err != nil {
		return &lambdaError{http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: " + err.Error()}
	}
	return nil
}
