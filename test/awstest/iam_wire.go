package awstest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// iamOperation is one operation of the Query API, run with the lock held.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
type iamOperation struct {
	service string
	about   func(iamRequest) string // the resource, as errors name it
	run     func(*IAM, iamRequest) (result any, failure *iamError)
}

var iamOperations = map[string]iamOperation{
	"GetRole":                  {"iam", aboutRole, (*IAM).getRole},
	"ListRolePolicies":         {"iam", aboutRole, (*IAM).listRolePolicies},
	"GetRolePolicy":            {"iam", aboutRole, (*IAM).getRolePolicy},
	"ListAttachedRolePolicies": {"iam", aboutRole, (*IAM).listAttachedRolePolicies},
	"GetPolicy":                {"iam", aboutPolicy, (*IAM).getPolicy},
	"GetPolicyVersion":         {"iam", aboutPolicy, (*IAM).getPolicyVersion},
	"SimulatePrincipalPolicy":  {"iam", func(r iamRequest) string { return r.Get("PolicySourceArn") }, (*IAM).simulatePrincipalPolicy},
	"GetCallerIdentity":        {"sts", func(iamRequest) string { return "*" }, (*IAM).getCallerIdentity},
}

func aboutRole(r iamRequest) string   { return "role " + r.Get("RoleName") }
func aboutPolicy(r iamRequest) string { return "policy " + r.Get("PolicyArn") }

// The XML namespaces of the services, by their API versions.
var namespaces = map[string]string{
	"iam": "https://iam.amazonaws.com/doc/2010-05-08/",
	"sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}

type iamRequest struct{ url.Values }

// list reads the members of a list.
func (r iamRequest) list(name string) []string {
	var l []string
	for n := 1; ; n++ {
		key := fmt.Sprintf("%s.member.%d", name, n)
		if !r.Has(key) {
			return l
		}
		l = append(l, r.Get(key))
	}
}

type iamError struct {
	status        int
	code, message string
}

func noSuchEntity(format string, a ...any) *iamError {
	return &iamError{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf(format, a...)}
}

// ServeHTTP answers one call of the Query API.
func (i *IAM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	form, parseErr := url.ParseQuery(string(body))
	req := iamRequest{form}
	name := req.Get("Action")
	op, known := iamOperations[name]
	if err != nil || parseErr != nil || !known {
		(&iamError{http.StatusBadRequest, "InvalidAction", "Could not find operation " + name}).write(w, "iam")
		return
	}
	call, code, message := i.record(r, op.service+":"+name, op.about(req))
	if code != "" {
		// The Query protocol has the same errors under shorter names.
		failure := &iamError{http.StatusForbidden, strings.TrimSuffix(code, "Exception"), message}
		failure.write(w, op.service)
		i.answered(call, failure.status)
		return
	}
	result, failure := i.perform(op, req)
	if failure != nil {
		failure.write(w, op.service)
		i.answered(call, failure.status)
		return
	}
	writeXML(w, http.StatusOK, name+"Response", op.service, element{name + "Result", result},
		element{"ResponseMetadata", struct{ RequestID string }{newUUID()}})
	i.answered(call, http.StatusOK)
}

func (i *IAM) perform(op iamOperation, req iamRequest) (any, *iamError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return op.run(i, req)
}

func (e *iamError) write(w http.ResponseWriter, service string) {
	writeXML(w, e.status, "ErrorResponse", service,
		element{"Error", struct{ Type, Code, Message string }{"Sender", e.code, e.message}},
		element{"RequestId", newUUID()})
}

// element is a name and what stands in it.
type element struct {
	name  string
	value any
}

func writeXML(w http.ResponseWriter, status int, root, service string, elements ...element) {
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	start := xml.StartElement{Name: xml.Name{Space: namespaces[service], Local: root}}
	err := enc.EncodeToken(start)
	for _, e := range elements {
		if err == nil {
			err = enc.EncodeElement(e.value, xml.StartElement{Name: xml.Name{Local: e.name}})
		}
	}
	if err == nil {
		err = enc.EncodeToken(start.End())
	}
	if err == nil {
		err = enc.Close()
	}
	if err != nil {
		panic("awstest: " + err.Error()) // only our own types come here
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// page cuts a list: maxItems and the marker of the request, and the page size of
// the fake.
func page[T any](i *IAM, r iamRequest, all []T) (items []T, next paging, failure *iamError) {
	from, size := 0, 100
	if m := r.Get("Marker"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 0 || n > len(all) {
			return nil, next, &iamError{http.StatusBadRequest, "ValidationError", "Invalid Marker."}
		}
		from = n
	}
	if m := r.Get("MaxItems"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 || n > 1000 {
			return nil, next, &iamError{http.StatusBadRequest, "ValidationError", fmt.Sprintf("1 validation error detected: Value '%s' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000", m)}
		}
		size = n
	}
	if i.pageSize > 0 {
		size = min(size, i.pageSize)
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = paging{IsTruncated: true, Marker: strconv.Itoa(to)}
	}
	return all[from:to], next, nil
}

type paging struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}
