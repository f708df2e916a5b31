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
	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
)

// served is one of the two servers that are compared.
type served struct {
	*child
	conns  []*connection
	took   [][]time.Duration // of the last round, by connection
	rounds []round
	all    []time.Duration // of all rounds
}

// round is what one of them took, seen by its clients and by the machine.
type round struct {
	p50, p99 time.Duration
	cpu      time.Duration // for each request
	every    time.Duration // from answer to answer
}

func ofP50(r round) time.Duration   { return r.p50 }
func ofP99(r round) time.Duration   { return r.p99 }
func ofCPU(r round) time.Duration   { return r.cpu }
func ofEvery(r round) time.Duration { return r.every }

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
	addr := ours.addr
	body, err := read(addr, "bench/db")
	if err != nil {
		return nil, fmt.Errorf("read a secret: %w", err)
	}
	bare, bareAddr, err := b.startBaseline(body)
	if err != nil {
		return nil, fmt.Errorf("start the baseline: %w", err)
	}
	defer bare.stop()

	var figures []figure
	for _, load := range []struct{ conns, n int }{{1, 500}, {16, 200}, {64, 50}} {
		o, n, err := compare(ours.child, addr, bare, bareAddr, load.conns, b.times(41, 7), load.n)
		if err != nil {
			return nil, err
		}
		figures = append(figures, hitFigures(load.conns, o.rounds, n.rounds)...)
		b.report.Hits = append(b.report.Hits, record.Hits{Connections: load.conns, Ours: o.throughput(), Bare: n.throughput(), Ratio: ratios(o.rounds, n.rounds)})
		b.sampleRounds(fmt.Sprintf("Hit/conns=%d", load.conns), load.conns*load.n, o.rounds)
		b.sampleRounds(fmt.Sprintf("BareHandler/conns=%d", load.conns), load.conns*load.n, n.rounds)
	}
	return figures, nil
}

func hitFigures(conns int, ours, bare []round) []figure {
	over := fmt.Sprintf("%d connections", conns)
	p50 := ratioFigure("hit, p50, "+over, ours, bare, ofP50)
	cpu := ratioFigure("CPU time per hit, "+over, ours, bare, ofCPU).within(1.0, 0.75)
	if conns == 1 {
		p50.Name, cpu.Name = "hit over keep-alive, p50, against a bare handler", "CPU time per hit, 1 connection"
		p50 = p50.within(1.3, 1.15)
		over = "1 connection"
	}
	every := ratioFigure("from hit to hit at full load, "+over, ours, bare, ofEvery)
	return []figure{p50, ratioFigure("hit, p99, "+over, ours, bare, ofP99), every, cpu}
}

// ratioFigure has no limit.
func ratioFigure(name string, ours, bare []round, of func(round) time.Duration) figure {
	return figure{
		Name: name, Unit: "×", timing: true, told: true, Got: ratio(each(ours, of), each(bare, of)),
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", us(middle(ours, of)), us(middle(bare, of))),
	}
}

func (f figure) within(must, aim float64) figure {
	f.Must, f.Aim, f.told = must, aim, false
	return f
}

func each(rounds []round, of func(round) time.Duration) []time.Duration {
	values := make([]time.Duration, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	return values
}

func middle(rounds []round, of func(round) time.Duration) time.Duration {
	return median(each(rounds, of))
}

func (s *served) throughput() record.Throughput {
	t := record.Throughput{
		P50: us(middle(s.rounds, ofP50)),
		P99: us(middle(s.rounds, ofP99)),
		CPU: us(middle(s.rounds, ofCPU)),
	}
	t.Second = float64(time.Second) / float64(middle(s.rounds, ofEvery))
	slices.Sort(s.all)
	for half := range 201 {
		t.Latency = append(t.Latency, us(s.all[min(len(s.all)*half/200, len(s.all)-1)]))
	}
	return t
}

func ratios(ours, bare []round) record.Ratio {
	of := func(part func(round) time.Duration) float64 { return ratio(each(ours, part), each(bare, part)) }
	return record.Ratio{P50: of(ofP50), P99: of(ofP99), CPU: of(ofCPU), Second: 1 / of(ofEvery)}
}

func (b *bench) sampleRounds(name string, n int, rounds []round) {
	for _, r := range rounds {
		b.sample(name, n, measure{"ns/op", float64(r.every)}, measure{"cpu-ns/op", float64(r.cpu)},
			measure{"p50-ns", float64(r.p50)}, measure{"p99-ns", float64(r.p99)})
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
	began := time.Now()
	if err := load(s.conns, request, n, s.took); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := s.cpu()
	if err != nil {
		return err
	}
	each, requests := slices.Concat(s.took...), time.Duration(n*len(s.conns))
	s.all = append(s.all, each...)
	s.rounds = append(s.rounds, round{p50: median(each), p99: percentile(each, 99), cpu: (after - before) / requests, every: took / requests})
	for i := range s.took {
		s.took[i] = s.took[i][:0]
	}
	return nil
}

func (s *served) forget() { s.rounds, s.all = nil, nil }

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
