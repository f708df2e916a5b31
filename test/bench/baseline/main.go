// Command baseline is what a hit is compared with: the least that net/http does
// for an answer of the same bytes. It reads the body from its standard input,
// prints its address, and serves until it is killed.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json") // else it would have to be guessed, which costs more
		_, _ = w.Write(body)
	})))
}
