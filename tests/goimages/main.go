// goimages prints what the kubelet's own code makes of image references and of Docker configurations: one JSON object
// in, one out, line by line.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/util/parsers"
)

type question struct {
	Image  string   `json:"image"`
	Keys   []string `json:"keys"`
	Config []byte   `json:"config"` // a Docker configuration
	Legacy bool     `json:"legacy"` // whether it is a .dockercfg
}

type answer struct {
	Name    string   `json:"name"`
	Tag     string   `json:"tag"`
	Digest  string   `json:"digest"`
	Error   string   `json:"error"`
	Matches []string `json:"matches"`
	// Logins are those of the configuration: user name and password, bytes, by their key.
	Logins map[string][2][]byte `json:"logins"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		said := answer{Matches: []string{}}
		var err error
		said.Name, said.Tag, said.Digest, err = parsers.ParseImageName(asked.Image)
		if err != nil {
			said.Error = err.Error()
		}
		for _, found := range lookup(asked) {
			said.Matches = append(said.Matches, found.Username)
		}
		if asked.Config != nil {
			if said.Logins, err = logins(asked); err != nil {
				said.Error = err.Error()
			}
		}
		if err := out.Encode(said); err != nil {
			panic(err)
		}
	}
}

// lookup asks a keyring whose credentials are named by the keys that they stand under.
func lookup(asked question) []credentialprovider.TrackedAuthConfig {
	keyring := &credentialprovider.BasicDockerKeyring{}
	for _, key := range asked.Keys {
		keyring.Add(nil, credentialprovider.DockerConfig{key: {Username: key, Password: "p"}})
	}
	repository, _, _, err := parsers.ParseImageName(asked.Image)
	if err != nil {
		return nil
	}
	found, _ := keyring.Lookup(repository)
	return found
}

func logins(asked question) (map[string][2][]byte, error) {
	var config credentialprovider.DockerConfigJSON
	var err error
	if asked.Legacy {
		err = json.Unmarshal(asked.Config, &config.Auths)
	} else {
		err = json.Unmarshal(asked.Config, &config)
	}
	if err != nil {
		return nil, err
	}
	found := map[string][2][]byte{}
	for key, entry := range config.Auths {
		found[key] = [2][]byte{[]byte(entry.Username), []byte(entry.Password)}
	}
	return found, nil
}
