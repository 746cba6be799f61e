// Command etcd measures what etcd does of the work of a registration: one durable,
// replicated write that must not be there yet, by many clients at once, on three members
// of this machine. It is a module of its own, so that the product does not depend on
// etcd. `go run ./bench registrations` runs it beside Stentor when it is built.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

func main() {
	clients := flag.Int("clients", 200, "clients at once")
	members := flag.Int("members", 3, "members, each a process")
	total := flag.Int("writes", 5000, "writes in all")
	size := flag.Int("size", 400, "bytes of one write")
	port := flag.Int("port", 23790, "first of two ports for each member, on 127.0.0.1")
	member := flag.Int("member", -1, "run that member (used by the command itself)")
	dir := flag.String("dir", "", "where the member writes (used by the command itself)")
	flag.Parse()
	var err error
	if *member >= 0 {
		err = serve(*member, *members, *port, *dir)
	} else {
		err = measure(*clients, *members, *total, *size, *port)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

func address(port, member, kind int) url.URL {
	return url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port+2*member+kind)}
}

// serve runs one member with etcd's defaults until it is told to stop.
func serve(member, members, port int, dir string) error {
	c := embed.NewConfig()
	c.Name, c.Dir, c.LogLevel = fmt.Sprint("m", member), dir, "fatal"
	client, peer := address(port, member, 0), address(port, member, 1)
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	var cluster []string
	for i := range members {
		peer := address(port, i, 1)
		cluster = append(cluster, fmt.Sprintf("m%d=%s", i, peer.String()))
	}
	c.InitialCluster = strings.Join(cluster, ",")
	e, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	defer e.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	select {
	case <-stop:
		return nil
	case err := <-e.Err():
		return err
	}
}

// measure starts the members as processes and prints writes a second and how long one
// took.
func measure(clients, members, total, size, port int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "stentor-bench-etcd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	var endpoints []string
	for i := range members {
		p := exec.Command(self, "-member", fmt.Sprint(i), "-members", fmt.Sprint(members), "-port", fmt.Sprint(port), "-dir", filepath.Join(root, fmt.Sprint(i)))
		p.Stderr = os.Stderr
		if err := p.Start(); err != nil {
			return err
		}
		defer p.Wait()
		defer p.Process.Signal(os.Interrupt)
		u := address(port, i, 0)
		endpoints = append(endpoints, u.String())
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	value := make([]byte, size)
	rand.Read(value)
	for i := 0; ; i++ { // until there is a leader
		try, stop := context.WithTimeout(ctx, time.Second)
		_, err := c.Put(try, "ready", "")
		stop()
		if err == nil {
			break
		}
		if i == 60 {
			return fmt.Errorf("no leader after a minute: %w", err)
		}
	}
	return load(ctx, c, clients, total, string(value))
}

func load(ctx context.Context, c *clientv3.Client, clients, total int, value string) error {
	var next, failed atomic.Int64
	var mu sync.Mutex
	took := make([]time.Duration, 0, total)
	var wg sync.WaitGroup
	began := time.Now()
	for range clients {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				key, at := fmt.Sprintf("registrant/%08d", n), time.Now()
				r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).Then(clientv3.OpPut(key, value)).Commit()
				if err != nil || !r.Succeeded {
					failed.Add(1)
					continue
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	wall := time.Since(began)
	if len(took) == 0 {
		return errors.New("no write succeeded")
	}
	slices.Sort(took)
	fmt.Printf("etcd: %d writes by %d clients: %.0f a second, p50 %s, p99 %s, %d failed\n", len(took), clients,
		float64(len(took))/wall.Seconds(), took[len(took)/2].Round(100*time.Microsecond), took[len(took)*99/100].Round(100*time.Microsecond), failed.Load())
	return nil
}
