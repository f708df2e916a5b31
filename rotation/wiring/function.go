package wiring

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// FunctionID is what a user calls a Lambda function: a name, a partial ARN or an
// ARN, each with or without an alias or a version.
type FunctionID struct {
	Partition, Region, Account string // "" where the id does not say
	Name                       string
	Qualifier                  string // alias or version; "" is the unpublished code, $LATEST
}

// The forms that Lambda takes as a FunctionName.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
var functionID = regexp.MustCompile(`^(?:(?:arn:(aws[a-zA-Z-]*):lambda:([a-z0-9-]+):)?(?:(\d{12}):)?function:)?([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// ParseFunctionID takes s apart.
func ParseFunctionID(s string) (FunctionID, error) {
	m := functionID.FindStringSubmatch(s)
	if m == nil || m[1] != "" && m[3] == "" {
		return FunctionID{}, fmt.Errorf("%q is no function, want NAME, NAME:ALIAS, NAME:VERSION or an ARN", s)
	}
	if m[5] == "$LATEST" {
		m[5] = ""
	}
	return FunctionID{Partition: m[1], Region: m[2], Account: m[3], Name: m[4], Qualifier: m[5]}, nil
}

// String returns the shortest form that means the function in its own account
// and Region.
func (f FunctionID) String() string {
	if f.Qualifier == "" {
		return f.Name
	}
	return f.Name + ":" + f.Qualifier
}

// unqualified is how calls name the function; the qualifier is a parameter of its own.
func (f FunctionID) unqualified() string {
	if f.Partition == "" {
		return f.Name
	}
	return "arn:" + f.Partition + ":lambda:" + f.Region + ":" + f.Account + ":function:" + f.Name
}

func (f FunctionID) qualifier() *string {
	if f.Qualifier == "" {
		return nil
	}
	return &f.Qualifier
}

// Function is a Lambda function as Lambda describes it.
type Function struct {
	FunctionID        // complete
	ARN        string // with the qualifier: what a rule has as its target

	config *lambda.GetFunctionConfigurationOutput
}

// variable returns one of the function's own environment variables.
func (f Function) variable(name string) string {
	if f.config.Environment == nil {
		return ""
	}
	return f.config.Environment.Variables[name]
}

// function looks a function up.
func (c Clients) function(ctx context.Context, id FunctionID) (Function, error) {
	out, err := c.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
		FunctionName: aws.String(id.unqualified()), Qualifier: id.qualifier(),
	})
	missing := &NotFoundError{What: "function", ID: id.String(), Region: c.region()}
	if _, ok := errors.AsType[*lambdatypes.ResourceNotFoundException](err); ok {
		return Function{}, missing
	}
	if err != nil {
		return Function{}, fmt.Errorf("look up function %q: %w", id, Explain(err))
	}
	base, err := ParseFunctionID(aws.ToString(out.FunctionArn))
	if err != nil || base.Partition == "" {
		return Function{}, fmt.Errorf("look up function %q: Lambda answered with the ARN %q", id, aws.ToString(out.FunctionArn))
	}
	if id.Account != "" && base.Account != id.Account {
		return Function{}, missing
	}
	base.Qualifier = id.Qualifier // asked for a version, Lambda answers with it; asked for an alias, not everywhere
	f := Function{FunctionID: base, ARN: base.unqualified(), config: out}
	if base.Qualifier != "" {
		f.ARN += ":" + base.Qualifier
	}
	return f, nil
}
