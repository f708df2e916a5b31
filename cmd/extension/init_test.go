package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func TestFinalErrorsAtInit(t *testing.T) {
	for name, tt := range map[string]struct {
		secret string
		fault  awstest.Fault
		parts  []string
	}{
		"missing":   {"db nope", awstest.Fault{}, []string{`"nope"`, "ResourceNotFoundException"}},
		"denied":    {"db", awstest.Fault{Kind: awstest.AccessDenied}, []string{`"db"`, "AccessDeniedException", "secretsmanager:GetSecretValue"}},
		"kms":       {"db", awstest.Fault{Kind: awstest.DecryptionFailure}, []string{`"db"`, "DecryptionFailure", "kms:Decrypt"}},
		"deleted":   {"db", awstest.Fault{Kind: awstest.MarkedForDeletion}, []string{`"db"`, "marked for deletion"}},
		"no key":    {"X=db#ABSENT", awstest.Fault{}, []string{"db", "ABSENT"}},
		"not there": {"nope1 nope2", awstest.Fault{}, []string{"nope1", "nope2"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, lambdatest.Options{}, map[string]string{"SECRET": tt.secret})
			if tt.fault.Kind != "" {
				s.aws.Fail(tt.fault)
			}
			s.wantInitError(tt.parts...)
		})
	}
}

func TestContinueServesTheRest(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, map[string]string{"SECRET": "nope X=db#ABSENT db", "SECRETS_ON_INIT_ERROR": "continue"})
	s.started()
	s.wantEverywhere(1)
	if !strings.Contains(s.log.String(), "nope") || !strings.Contains(s.log.String(), "ABSENT") {
		t.Errorf("the log names no culprit:\n%s", s.log)
	}
	s.shutdown()
}

func TestTransientErrorsAtInitDoNotFailTheFunction(t *testing.T) {
	for _, fault := range []awstest.Fault{
		{Kind: awstest.Throttling}, {Kind: awstest.InternalServiceError}, {Kind: awstest.Reset}, {Kind: awstest.Hang}, {Kind: awstest.Garbage},
	} {
		t.Run(string(fault.Kind), func(t *testing.T) {
			s := newStage(t, lambdatest.Options{}, map[string]string{"SECRETS_INIT_TIMEOUT_MILLIS": "300", "SECRETS_MANAGER_TIMEOUT_MILLIS": "500"})
			s.aws.Fail(fault)
			s.started()
			_, err := s.client.Get(t.Context(), "db")
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Type == "" || e.Message == "" {
				t.Errorf("read during the outage: %v, want an error with the cause", err)
			} else if want := fault.Kind == awstest.Hang; want != (e.Status == http.StatusServiceUnavailable) {
				t.Errorf("read during the outage has status %d", e.Status)
			}
			s.aws.Heal()
			deadline := time.Now().Add(10 * time.Second) // the remembered error is over in three
			for {
				if _, err = s.client.Get(t.Context(), "db"); err == nil || time.Now().After(deadline) {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			s.wantEverywhere(1)
			s.shutdown()
		})
	}
}

func TestConfigurationErrorsAreReportedTogether(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, map[string]string{"SECRETS_MANAGER_TTL": "soon", "SECRETS_ON_INIT_ERROR": "explode", "SECRET": "AWS_X=db"})
	s.wantInitError(`SECRETS_MANAGER_TTL: got "soon"`, `SECRETS_ON_INIT_ERROR: got "explode"`, "AWS_X")
}

func TestATakenPortIsAnInitError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	s := newStage(t, lambdatest.Options{}, map[string]string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port})
	s.wantInitError(port, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
}

func TestAFileThatCannotBeWrittenIsAnInitError(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, map[string]string{"SECRETS_DOTENV_PATH": "/proc/none/secrets.env"})
	s.wantInitError("/proc/none/secrets.env")
}
