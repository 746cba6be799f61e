// Command livekit lets `go run ./bench send` measure livekit-server beside Stentor: it
// starts the server on one core, and carries offers and answers between the bench's
// peers, which speak WebRTC only, and the server's signalling (protocol buffers in a
// WebSocket). It is a module of its own, so that the product does not depend on
// LiveKit.
//
//	go install github.com/livekit/livekit-server/cmd/server@v1.13.5
//	cd bench/livekit && go build -o /tmp/livekit-signal .
//	go run ./bench send --livekit /tmp/livekit-signal --livekit-server ~/go/bin/server
//
// It reads questions from its input, as lines of JSON, and answers each with a line.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A question is what bench/send_seat.go asks of a server.
type question struct {
	Offer string // of the publisher
	Call  bool   // a viewer wants the server's offer
	Reply string // a viewer's answer to it
	ID    int    // which viewer's
}

// An answer is what comes back.
type answer struct {
	Answer string // or the server's offer
	ID     int
	CPU    time.Duration
	Memory float64
	Err    string
}

func main() {
	server := flag.String("server", "", "the livekit-server program")
	core := flag.Int("core", 0, "the server's core")
	port := flag.Int("port", 17880, "of the signalling; the two behind it are for media")
	flag.Parse()
	if err := run(*server, *core, *port); err != nil {
		fmt.Fprintln(os.Stderr, "livekit:", err)
		os.Exit(1)
	}
}

// config is livekit-server's, at its defaults but for addresses. Its congestion
// control is off, since the viewers of the bench send no feedback: it would only cost.
const config = `
port: %d
bind_addresses: ["127.0.0.1"]
logging: {level: error, pion_level: error}
rtc:
  udp_port: %d
  tcp_port: %d
  use_external_ip: false
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  use_ice_lite: true
  congestion_control: {enabled: false}
keys: {%s: %s}
`

func run(program string, core, port int) error {
	body := fmt.Sprintf(config, port, port+1, port+2, key, secret)
	cmd := exec.Command("taskset", "-c", strconv.Itoa(core), program, "--config-body", body, "--node-ip", "127.0.0.1")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // what Go takes for the number of cores in a process that has one
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	r := &room{host: fmt.Sprintf("ws://127.0.0.1:%d", port)}
	defer r.leave()
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var q question
		if err := in.Decode(&q); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		a, err := r.ask(q)
		if err != nil {
			a.Err = err.Error()
		}
		if a.CPU, a.Memory, err = usage(cmd.Process.Pid); err != nil {
			return err
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// usage reads what a process has used.
func usage(pid int) (cpu time.Duration, memory float64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	var ticks, pages float64
	for _, i := range []int{11, 12} { // utime and stime: fields 14 and 15 of proc(5)
		n, _ := strconv.ParseFloat(fields[i], 64)
		ticks += n
	}
	pages, _ = strconv.ParseFloat(fields[21], 64)
	const hertz = 100 // USER_HZ
	return time.Duration(ticks / hertz * float64(time.Second)), pages * float64(os.Getpagesize()), nil
}
