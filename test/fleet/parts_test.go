package fleet

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestQueueIsInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var q queue
	for range 1000 {
		q.push(event{at: time.Duration(rng.IntN(100))})
	}
	last := q.pop()
	for range 999 {
		next := q.pop()
		if next.before(last) || next.at == last.at && next.seq < last.seq {
			t.Fatalf("%v came after %v", next, last)
		}
		last = next
	}
	if len(q.events) != 0 {
		t.Errorf("%d events are left", len(q.events))
	}
}

// simpleLambda makes environments that only have numbers.
func simpleLambda(o Lambda) (l *lambda, gone *[]uint64) {
	made := uint64(0)
	gone = new([]uint64)
	numbers := map[*environment]uint64{}
	l = newLambda(o, func() *environment {
		made++
		e := &environment{}
		numbers[e] = made
		return e
	}, func(e *environment) { *gone = append(*gone, numbers[e]) }, rand.New(rand.NewPCG(1, 1)))
	return l, gone
}

func TestLambdaUsesTheWarmestEnvironment(t *testing.T) {
	l, gone := simpleLambda(Lambda{Idle: time.Minute})
	first, second, third := l.add(0), l.add(0), l.add(0)
	l.put(first, 10*time.Second)
	l.put(second, 20*time.Second)
	l.put(third, 30*time.Second)
	if got := l.take(40 * time.Second); got != third {
		t.Errorf("took one that was used earlier")
	}
	if got := l.take(75 * time.Second); got != second {
		t.Errorf("took one that was idle for longer")
	}
	if len(*gone) != 1 || (*gone)[0] != 1 || l.live != 2 || l.take(76*time.Second) != nil {
		t.Errorf("gave up %v, has %d; want the first one given up", *gone, l.live)
	}
}

func TestLambdaGivesUpOldEnvironments(t *testing.T) {
	l, gone := simpleLambda(Lambda{Life: time.Hour})
	e := l.add(0)
	l.put(e, time.Second)
	if l.take(44*time.Minute) != e {
		t.Error("an environment went before three quarters of its life")
	}
	l.put(e, 44*time.Minute)
	if l.take(76*time.Minute) != nil || len(*gone) != 1 {
		t.Error("an environment lived longer than five quarters of its life")
	}
}

func TestLambdaReplacesAll(t *testing.T) {
	l, gone := simpleLambda(Lambda{})
	idle, busy := l.add(0), l.add(0)
	l.put(idle, 0)
	l.replace()
	l.put(busy, time.Second)
	if l.take(2*time.Second) != nil || len(*gone) != 2 || l.live != 0 {
		t.Errorf("gave up %v, want both", *gone)
	}
}

func TestLambdaAddsAThousandInTenSeconds(t *testing.T) {
	l, _ := simpleLambda(Lambda{Scale: 1000})
	grow := func(at time.Duration) (n int) {
		for l.add(at) != nil {
			n++
		}
		return n
	}
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, 1000}, {time.Second, 100}, {time.Minute, 1000}} {
		if got := grow(c.at); got != c.want {
			t.Errorf("at %v it added %d, want %d", c.at, got, c.want)
		}
	}
}

func TestTraffic(t *testing.T) {
	traffic := Traffic{Rate: 1, Swing: 0.9}
	rng := rand.New(rand.NewPCG(1, 1))
	var hours [24]int
	total := 0
	for at := traffic.next(0, rng); at < 24*time.Hour; at = traffic.next(at, rng) {
		hours[int(at.Hours())]++
		total++
	}
	if total < 84_000 || total > 88_800 {
		t.Errorf("%d arrivals in a day, want about 86,400", total)
	}
	if hours[0]*8 > hours[12] {
		t.Errorf("%d arrivals in the hour after midnight, %d in the one after noon", hours[0], hours[12])
	}
}

func TestSpread(t *testing.T) {
	var values []time.Duration
	for i := 200; i > 0; i-- {
		values = append(values, time.Duration(i))
	}
	if got, want := spreadOf(values), (Spread{N: 200, P50: 100, P90: 180, P99: 198, Max: 200}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := spreadOf(nil); got != (Spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestAround(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sum, least := time.Duration(0), time.Hour
	for range 10_000 {
		d := around(time.Second, rng.Float64())
		sum, least = sum+d, min(least, d)
	}
	if mean := sum / 10_000; least < time.Second/2 || mean < 950*time.Millisecond || mean > 1050*time.Millisecond {
		t.Errorf("mean %v, least %v; want 1 s and half of that", mean, least)
	}
}

func TestPlace(t *testing.T) {
	const page = "before\n<!-- fleet: a -->\nold\n<!-- end -->\nafter\n"
	got, err := place(page, "a", "new\n")
	if want := "before\n<!-- fleet: a -->\nnew\n<!-- end -->\nafter\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if text, ok := found(got, "a"); !ok || text != "new\n" {
		t.Errorf("found %q, %v", text, ok)
	}
	for _, broken := range []string{"", "<!-- fleet: a -->\nold\n"} {
		if _, err := place(broken, "a", "new"); err == nil {
			t.Errorf("%q has a place", broken)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"},
		{count(0.04), "< 0.1"},
		{count(3.14), "3.1"},
		{count(9.97), "10"},
		{count(1234567.5), "1,234,568"},
		{percent(0), "0 %"},
		{percent(0.0001), "< 0.1 %"},
		{percent(0.123), "12.3 %"},
		{seconds(0), "0 s"},
		{seconds(1234 * time.Millisecond), "1.2 s"},
		{seconds(299600 * time.Millisecond), "300 s"},
		{millis(0), "–"},
		{millis(16600 * time.Microsecond), "17 ms"},
		{spreadText(Spread{}), "–"},
		{spreadText(Spread{N: 1, P50: 0, P90: time.Second, P99: 20 * time.Second, Max: 300 * time.Second}), "0 · 1.0 · 20 · 300 s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
