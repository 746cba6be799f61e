package node

import (
	"fmt"
	"os"
	"strings"

	"stentor/node/signal"
)

// ICEServer is a STUN or TURN server of the operator's own.
type ICEServer struct {
	// URLs are such as "turn:turn.example.org:3478?transport=udp".
	URLs []string `yaml:"urls"`
	// Username and CredentialFile are one account for all clients.
	Username       string `yaml:"username"`
	CredentialFile string `yaml:"credential_file"`
	// SecretFile holds what makes an account for each client.
	SecretFile string `yaml:"secret_file"`
}

// checkICE looks at what is said, without the files.
func checkICE(servers []ICEServer) error {
	for _, i := range servers {
		s := signal.ICEServer{URLs: i.URLs, Username: i.Username}
		if i.CredentialFile != "" {
			s.Credential = "x"
		}
		if i.SecretFile != "" {
			s.Secret = "x"
		}
		if err := s.Check(); err != nil {
			return usage(fmt.Errorf("ice_servers: %w", err), "write urls: [\"turn:turn.example.org:3478\"] and secret_file, or username and credential_file")
		}
	}
	return nil
}

// iceServers reads the files.
func iceServers(servers []ICEServer) (out []signal.ICEServer, err error) {
	for _, i := range servers {
		s := signal.ICEServer{URLs: i.URLs, Username: i.Username}
		for _, f := range []struct {
			path string
			into *string
		}{{i.CredentialFile, &s.Credential}, {i.SecretFile, &s.Secret}} {
			if f.path == "" {
				continue
			}
			b, err := os.ReadFile(f.path)
			if err != nil {
				return nil, usage(fmt.Errorf("ice_servers: %w", err), "the node must be able to read the file")
			}
			*f.into = strings.TrimSpace(string(b))
		}
		if err := s.Check(); err != nil {
			return nil, usage(fmt.Errorf("ice_servers: %w", err), "see deploy/stentor.yaml")
		}
		out = append(out, s)
	}
	return out, nil
}
