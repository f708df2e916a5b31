package main

import (
	"context"
	"errors"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// ledger counts calls to Secrets Manager: those that were made, and those of a
// function that asks by SDK whenever it reads a secret.
type ledger struct {
	rows        []row
	made, reads int
}

type row struct {
	what        string
	made, reads int
}

// add closes a part of the story in which secrets were read that often, and
// returns how many calls it made. An invocation reads two secrets.
func (l *ledger) add(s *story, what string, reads int) (made int) {
	made = len(s.callsOf(keyHere)) - l.made
	l.rows = append(l.rows, row{what, made, reads})
	l.made += made
	l.reads += reads
	return made
}

func (s *story) callsOf(key string) []awstest.Call {
	var calls []awstest.Call
	for _, c := range s.aws.Calls() {
		if c.AccessKeyID == key {
			calls = append(calls, c)
		}
	}
	return calls
}

func (s *story) calls(context.Context) error {
	s.page.chapter("Calls to Secrets Manager")
	s.page.indented("%-50s %12s %25s", "", "this layer", "an SDK call per read")
	for _, r := range s.ledger.rows {
		s.page.indented("%-50s %12d %25d", r.what, r.made, r.reads)
	}
	s.page.indented("%-50s %12d %25d", "together", s.ledger.made, s.ledger.reads)
	if s.ledger.made >= s.ledger.reads/10 {
		return errors.New("the layer made more than a tenth of the calls")
	}
	return nil
}
