// Go's own HTTP client; prints one JSON line for each request. Arguments: the h1 and the h2 host.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	h1 := &http.Client{Transport: &http.Transport{
		ExpectContinueTimeout: 5 * time.Second,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
	ask(h1, "GET", "https://"+os.Args[1]+"/trailers", "")
	ask(h1, "PUT", "https://"+os.Args[1]+"/upload", strings.Repeat("x", 100000))
	ask(http.DefaultClient, "GET", "https://"+os.Args[2]+"/trailers", "")
	ask(http.DefaultClient, "PUT", "https://"+os.Args[2]+"/upload", strings.Repeat("x", 100000))
}

func ask(client *http.Client, method, url, body string) {
	// The reader hides its length, so the body is sent in chunks.
	request, err := http.NewRequest(method, url, io.MultiReader(strings.NewReader(body)))
	fail(err)
	if body == "" {
		request.Body = nil
	} else {
		request.Header.Set("Expect", "100-continue")
	}
	response, err := client.Do(request)
	fail(err)
	content, err := io.ReadAll(response.Body)
	fail(err)
	response.Body.Close()
	fail(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"status":  response.StatusCode,
		"proto":   response.Proto,
		"issuer":  response.TLS.PeerCertificates[0].Issuer.CommonName,
		"trailer": response.Trailer.Get("X-Checksum"),
		"body":    string(content),
	}))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
