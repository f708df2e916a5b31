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
	conns   []*connection
	took    [][]time.Duration // of the last round, by connection
	latency []time.Duration   // the median of each round
	cpuTime []time.Duration   // per request, of each round
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

	rounds := b.times(41, 9)
	o, n, err := compare(ours.child, addr, bare, bareAddr, 1, rounds, 500)
	if err != nil {
		return nil, err
	}
	figures := []figure{
		ratioFigure("hit over keep-alive, p50, against a bare handler", o.latency, n.latency, 1.3, 1.15),
		ratioFigure("CPU time per hit, 1 connection", o.cpuTime, n.cpuTime, 1.3, 1.1),
	}
	o, n, err = compare(ours.child, addr, bare, bareAddr, 16, rounds, 200)
	if err != nil {
		return nil, err
	}
	return append(figures, ratioFigure("CPU time per hit, 16 connections", o.cpuTime, n.cpuTime, 1.3, 1.1)), nil
}

// ratioFigure is the middle of the ratios of the rounds: a machine that becomes
// busy in between changes both sides of a round.
func ratioFigure(name string, ours, bare []time.Duration, must, aim float64) figure {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = float64(ours[i]) / float64(bare[i])
	}
	slices.Sort(ratios)
	return figure{
		Name: name, Unit: "×", timing: true,
		Got: ratios[len(ratios)/2], Must: must, Aim: aim,
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", us(median(ours)), us(median(bare))),
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
	s.cpuTime = append(s.cpuTime, (after-before)/time.Duration(n*len(s.conns)))
	s.latency = append(s.latency, median(slices.Concat(s.took...)))
	for i := range s.took {
		s.took[i] = s.took[i][:0]
	}
	return nil
}

func (s *served) forget() { s.cpuTime, s.latency = nil, nil }

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
