package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// connection is a kept HTTP connection whose client costs as little as it can, to
// leave the server's part to see.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*connection, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReader(c)}, nil
}

// request spells a request to the endpoint.
func request(method, target, body string) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost:2773\r\nX-Aws-Parameters-Secrets-Token: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, target, token, len(body), body)
}

func get(secretID string) []byte {
	return bytes.Replace(request("GET", "/secretsmanager/get?secretId="+secretID, ""), []byte("Content-Length: 0\r\n"), nil, 1)
}

var contentLength = []byte("Content-Length: ")

// exchange sends a request and returns the length of the body of its answer, which
// it copies to body unless that is nil.
func (c *connection) exchange(request []byte, body io.Writer) (int64, error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return 0, fmt.Errorf("answer: %s", bytes.TrimSpace(line))
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if n, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(n)); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("answer: no Content-Length")
	}
	if body != nil {
		return io.CopyN(body, c.r, int64(length))
	}
	n, err := c.r.Discard(length)
	return int64(n), err
}

// read reads a secret once, on a connection of its own.
func read(addr, secretID string) (string, error) {
	return ask(addr, get(secretID))
}

func ask(addr string, request []byte) (string, error) {
	c, err := dial(addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	var body bytes.Buffer
	_, err = c.exchange(request, &body)
	return body.String(), err
}

// load sends n requests over each connection, all at the same time, and appends
// how long each took to that connection's slice.
func load(conns []*connection, request []byte, n int, took [][]time.Duration) error {
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			for range n {
				began := time.Now()
				if _, errs[i] = c.exchange(request, nil); errs[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
