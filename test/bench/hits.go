package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// served is one of the two servers that are compared.
type served struct {
	*child
	conns    []*connection
	requests int
	took     [][]time.Duration // of the last round, by connection
	medians  []time.Duration   // of the rounds
	cpuTime  time.Duration
}

// hits compares reads of a secret that is held with the same answer of a handler
// that does nothing else.
func (b *bench) hits(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("bench/db", `{"username":"root","password":"`+strings.Repeat("p", 200)+`"}`)
	ours, err := b.start(ctx, extension, aws, "SECRET=bench/db")
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	addr := fmt.Sprintf("127.0.0.1:%d", ours.port)
	body, err := read(addr, "bench/db")
	if err != nil {
		return nil, fmt.Errorf("read a secret: %w", err)
	}
	bare, bareAddr, err := b.startBaseline(body)
	if err != nil {
		return nil, fmt.Errorf("start the baseline: %w", err)
	}
	defer bare.stop()

	rounds := b.times(40, 8)
	o, n, err := compare(ours.child, addr, bare, bareAddr, 1, rounds, 500)
	if err != nil {
		return nil, err
	}
	figures := []figure{latencyFigure(o, n), cpuFigure(o, n, "1 connection")}
	o, n, err = compare(ours.child, addr, bare, bareAddr, 16, rounds, 100)
	if err != nil {
		return nil, err
	}
	return append(figures, cpuFigure(o, n, "16 connections")), nil
}

// latencyFigure is the middle of the ratios of the rounds: a machine that becomes
// busy in between changes both medians of a round.
func latencyFigure(ours, bare *served) figure {
	ratios := make([]float64, len(ours.medians))
	for i, mine := range ours.medians {
		ratios[i] = float64(mine) / float64(bare.medians[i])
	}
	slices.Sort(ratios)
	return figure{
		Name: "hit over keep-alive, p50, against a bare handler", Unit: "×", timing: true,
		Got: ratios[len(ratios)/2], Must: 1.3, Aim: 1.15,
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", us(median(ours.medians)), us(median(bare.medians))),
	}
}

func cpuFigure(ours, bare *served, conns string) figure {
	mine, theirs := ours.cpuPerRequest(), bare.cpuPerRequest()
	return figure{
		Name: "CPU time per hit, " + conns, Unit: "×", timing: true,
		Got: mine / theirs, Must: 1.3, Aim: 1.1, Detail: fmt.Sprintf("%.1f µs against %.1f µs", mine, theirs),
	}
}

// compare loads both servers turn by turn. The first round warms them up.
func compare(ours *child, addr string, bare *child, bareAddr string, conns, rounds, n int) (*served, *served, error) {
	a, b := &served{child: ours}, &served{child: bare}
	defer a.hangUp()
	defer b.hangUp()
	for range conns {
		if err := a.dial(addr); err != nil {
			return nil, nil, err
		}
		if err := b.dial(bareAddr); err != nil {
			return nil, nil, err
		}
	}
	request := get("bench/db")
	for round := range rounds + 1 {
		turns := []*served{a, b}
		if round%2 == 1 {
			turns = []*served{b, a}
		}
		for _, s := range turns {
			if err := s.turn(request, n); err != nil {
				return nil, nil, err
			}
			if round == 0 {
				s.forget()
			}
		}
	}
	return a, b, nil
}

func (s *served) dial(addr string) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	s.conns, s.took = append(s.conns, c), append(s.took, nil)
	return nil
}

func (s *served) hangUp() {
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func (s *served) turn(request []byte, n int) error {
	before, err := s.cpu()
	if err != nil {
		return err
	}
	if err := load(s.conns, request, n, s.took); err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	s.cpuTime += after - before
	s.requests += n * len(s.conns)
	s.medians = append(s.medians, median(slices.Concat(s.took...)))
	for i := range s.took {
		s.took[i] = s.took[i][:0]
	}
	return nil
}

func (s *served) forget() { s.cpuTime, s.requests, s.medians = 0, 0, nil }

// cpuPerRequest is in microseconds.
func (s *served) cpuPerRequest() float64 { return us(s.cpuTime) / float64(s.requests) }

func (b *bench) startBaseline(body string) (*child, string, error) {
	c := &child{cmd: exec.Command(b.path("baseline"))}
	c.cmd.Stdin, c.cmd.Stderr = strings.NewReader(body), &c.log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, "", err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, "", err
	}
	return c, strings.TrimSpace(addr), nil
}
