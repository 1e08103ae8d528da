// Makes one HTTPS request as kubectl would and prints what Go says of it.
//
//	goclient URL CA-FILE TIME [NAME]
//
// TIME (RFC 3339) is what the client takes for the present: a machine whose clock is wrong. NAME is what the server's
// certificate must be valid for where that is not the URL's host. An empty CA-FILE stands for the system's CAs.
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
	config := &tls.Config{}
	if os.Args[2] != "" {
		pem, err := os.ReadFile(os.Args[2])
		if err != nil {
			panic(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	present, err := time.Parse(time.RFC3339, os.Args[3])
	if err != nil {
		panic(err)
	}
	config.Time = func() time.Time { return present }
	if len(os.Args) > 4 && os.Args[4] != "" {
		config.ServerName = os.Args[4]
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: 10 * time.Second}
	response, err := client.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Status)
}
