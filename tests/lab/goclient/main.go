// Makes one HTTPS request as kubectl would and prints what Go says of it.
//
//	goclient URL CA-FILE [TIME]
//
// TIME (RFC 3339) is what the client takes for the present: a machine whose clock is wrong.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	pem, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: roots}
	if len(os.Args) > 3 {
		present, err := time.Parse(time.RFC3339, os.Args[3])
		if err != nil {
			panic(err)
		}
		config.Time = func() time.Time { return present }
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: 10 * time.Second}
	response, err := client.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Status)
}
