package localhttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// sessionToken is as long as those of Lambda.
var sessionToken = strings.Repeat("t0k3n/+=", 125)

// BenchmarkHit compares a hit with a net/http handler that writes the same body,
// over one kept connection of real loopback.
func BenchmarkHit(b *testing.B) {
	u := &upstream{}
	u.put("prod/db", "5767290c-d089-49ed-b97c-17086f8c9d79", cache.Text(`{"username":"root","password":"`+strings.Repeat("p", 200)+`"}`))
	c := cache.New(u.fetch, cache.Options{TTL: time.Hour, Size: 10})
	a, err := c.Get(b.Context(), cache.Query{ID: "prod/db"})
	if err != nil {
		b.Fatal(err)
	}
	body := a.Secret.Rendering(render)

	b.Run("bare", func(b *testing.B) {
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })}
		l := listen(b)
		go s.Serve(l)
		defer s.Close()
		benchmark(b, l)
	})
	b.Run("ours", func(b *testing.B) {
		s := NewServer(Options{Cache: c, Token: sessionToken})
		l := listen(b)
		go s.Serve(l)
		defer s.Shutdown(b.Context())
		benchmark(b, l)
	})
}

func benchmark(b *testing.B, l net.Listener) {
	conn := dial(b, l)
	r := bufio.NewReader(conn)
	request := []byte("GET /secretsmanager/get?secretId=prod%2Fdb HTTP/1.1\r\nHost: localhost:2773\r\nX-Aws-Parameters-Secrets-Token: " + sessionToken + "\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		// The client's part is as cheap as it can be, to leave the server's to see.
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if len(line) == 2 {
				break
			}
			if n, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
				for _, d := range strings.TrimSpace(n) {
					length = 10*length + int(d-'0')
				}
			}
		}
		if n, err := io.CopyN(io.Discard, r, int64(length)); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	}
	b.StopTimer()
	_ = conn.Close()
}

// BenchmarkHandler is the part that is ours, without net/http's.
func BenchmarkHandler(b *testing.B) {
	u := &upstream{}
	u.put("prod/db", "5767290c-d089-49ed-b97c-17086f8c9d79", cache.Text("x"))
	h := NewHandler(Options{Cache: cache.New(u.fetch, cache.Options{TTL: time.Hour, Size: 10}), Token: sessionToken})
	r, err := http.NewRequest(http.MethodGet, "http://localhost:2773/secretsmanager/get?secretId=prod%2Fdb", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Aws-Parameters-Secrets-Token", sessionToken)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
