package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
)

// partLatency is how long Secrets Manager takes for an answer while a start is
// split into its parts. It is made up: the parts beside the calls do not depend on it.
const partLatency = 10 * time.Millisecond

// watched is a Secrets Manager that knows when its calls came and went.
type watched struct {
	aws    *awstest.SecretsManager
	server *httptest.Server

	mu          sync.Mutex
	first, last time.Time
	calls       int
}

func newWatched() *watched {
	w := &watched{aws: awstest.NewHandler()}
	w.aws.SetLatency(partLatency)
	w.server = httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w.aws.ServeHTTP(res, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.calls++; w.calls == 1 || began.Before(w.first) {
			w.first = began
		}
		w.last = time.Now()
	}))
	return w
}

// take returns when the first call came and the last one was answered, and how
// many there were, and forgets them.
func (w *watched) take() (first, last time.Time, calls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, last, calls = w.first, w.last, w.calls
	w.calls = 0
	return first, last, calls
}

// startParts splits starts into what can be told apart from outside.
func (b *bench) startParts(ctx context.Context) ([]figure, error) {
	w := newWatched()
	defer w.server.Close()
	var figures []figure
	var ids []string
	for _, secrets := range []int{1, 5, 20, 100} {
		for len(ids) < secrets {
			ids = append(ids, fmt.Sprintf("bench/%d", len(ids)))
			w.aws.Put(ids[len(ids)-1], fmt.Sprintf(`{"KEY_%d":"made-up"}`, len(ids)))
		}
		var parts [5][]time.Duration
		for range b.times(20, 3) {
			p, err := b.partsOnce(ctx, w, ids)
			if err != nil {
				return nil, err
			}
			for i := range parts {
				parts[i] = append(parts[i], p[i])
			}
		}
		b.sampleAll(fmt.Sprintf("ColdStart/secrets=%d", secrets), parts[4])
		s := record.Start{
			Secrets: secrets, Before: ms(median(parts[0])), Calls: ms(median(parts[1])), Publish: ms(median(parts[2])),
			Ready: ms(median(parts[3])), All: ms(median(parts[4])),
		}
		b.report.Starts = append(b.report.Starts, s)
		noun := "secrets"
		if secrets == 1 {
			noun = "secret"
		}
		figures = append(figures, figure{
			Name: fmt.Sprintf("exec to ready, %d %s of %d ms", secrets, noun, partLatency.Milliseconds()), Unit: "ms", timing: true, told: true,
			Got: s.All, Detail: fmt.Sprintf("%.1f ms before the calls, %.1f ms for them, %.1f ms after", s.Before, s.Calls, s.Publish+s.Ready),
		})
	}
	return figures, nil
}

// partsOnce returns the parts of one start, in the order of [start], and the whole.
func (b *bench) partsOnce(ctx context.Context, w *watched, ids []string) (parts [5]time.Duration, err error) {
	s, err := b.start(ctx, extension, w.aws, "SECRET="+strings.Join(ids, ","), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+w.server.URL)
	if err != nil {
		return parts, err
	}
	defer s.stop()
	var ready time.Time
	select {
	case ready = <-s.platform.ready:
	case <-ctx.Done():
		return parts, ctx.Err()
	}
	first, last, calls := w.take()
	if calls != len(ids) {
		return parts, fmt.Errorf("cold start: got %d calls to Secrets Manager for %d secrets", calls, len(ids))
	}
	registered := s.began.Add(s.took)
	return [5]time.Duration{first.Sub(s.began), last.Sub(first), registered.Sub(last), ready.Sub(registered), ready.Sub(s.began)}, nil
}
