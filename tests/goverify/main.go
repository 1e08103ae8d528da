// goverify answers what Go's crypto/x509 says of certificate chains.
//
// It reads one request a line (JSON) and writes one answer a line, until the input ends. The first line it writes is
// the version of Go that it was built with.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// request holds certificates as DER (base64 in JSON). Usage is "server" or "client". With a Bundle (PEM) nothing else is
// asked but which certificates are in it.
type request struct {
	Bundle        []byte
	Leaf          []byte
	Roots         [][]byte
	Intermediates [][]byte
	Name          string
	Usage         string
	Time          time.Time
}

// answer: Error names the type of the error, Chains are the fingerprints of each chain that verifies.
type answer struct {
	OK      bool       `json:"ok"`
	Message string     `json:"message"`
	Error   string     `json:"error"`
	Chains  [][]string `json:"chains"`
}

var usages = map[string]x509.ExtKeyUsage{
	"server": x509.ExtKeyUsageServerAuth,
	"client": x509.ExtKeyUsageClientAuth,
}

var reasons = map[x509.InvalidReason]string{
	x509.NotAuthorizedToSign:        "NotAuthorizedToSign",
	x509.Expired:                    "Expired",
	x509.CANotAuthorizedForThisName: "CANotAuthorizedForThisName",
	x509.TooManyIntermediates:       "TooManyIntermediates",
	x509.IncompatibleUsage:          "IncompatibleUsage",
	x509.NameMismatch:               "NameMismatch",
	x509.NoValidChains:              "NoValidChains",
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, runtime.Version())
	out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	decoder := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	for decoder.More() {
		var asked request
		if err := decoder.Decode(&asked); err != nil {
			fmt.Fprintln(os.Stderr, "goverify: malformed request:", err)
			os.Exit(1)
		}
		if err := encoder.Encode(verify(asked)); err != nil {
			fmt.Fprintln(os.Stderr, "goverify:", err)
			os.Exit(1)
		}
		out.Flush()
	}
}

func verify(asked request) answer {
	if asked.Bundle != nil {
		return answer{OK: true, Chains: fingerprints([][]*x509.Certificate{bundled(asked.Bundle)})}
	}
	leaf, err := x509.ParseCertificate(asked.Leaf)
	if err != nil {
		return answer{Message: err.Error(), Error: "Malformed"}
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		DNSName:       asked.Name,
		CurrentTime:   asked.Time,
		KeyUsages:     []x509.ExtKeyUsage{usages[asked.Usage]},
	}
	// A bundle is loaded without what cannot be parsed; a handshake fails on it.
	for _, der := range asked.Roots {
		if root, err := x509.ParseCertificate(der); err == nil {
			options.Roots.AddCert(root)
		}
	}
	for _, der := range asked.Intermediates {
		intermediate, err := x509.ParseCertificate(der)
		if err != nil {
			return answer{Message: err.Error(), Error: "Malformed"}
		}
		options.Intermediates.AddCert(intermediate)
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return answer{Message: err.Error(), Error: nameOf(err)}
	}
	return answer{OK: true, Chains: fingerprints(chains)}
}

// bundled is what x509.CertPool.AppendCertsFromPEM takes in.
func bundled(bundle []byte) (found []*x509.Certificate) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			found = append(found, certificate)
		}
	}
	return found
}

func nameOf(err error) string {
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var unhandled x509.UnhandledCriticalExtension
	switch {
	case errors.As(err, &invalid):
		return reasons[invalid.Reason]
	case errors.As(err, &hostname):
		return "Hostname"
	case errors.As(err, &unknown):
		return "UnknownAuthority"
	case errors.As(err, &unhandled):
		return "UnhandledCriticalExtension"
	}
	return "Other"
}

func fingerprints(chains [][]*x509.Certificate) [][]string {
	found := make([][]string, len(chains))
	for i, chain := range chains {
		for _, certificate := range chain {
			sum := sha256.Sum256(certificate.Raw)
			found[i] = append(found[i], hex.EncodeToString(sum[:]))
		}
	}
	return found
}
