// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"stentor/control"
)

// silent has requests to a node that is gone wait in vain, as they do on a network.
func (c *cluster) silent(ctx context.Context, from, to string, b []byte) ([]byte, error) {
	out, err := c.forward(ctx, from, to, b)
	if errors.Is(err, errCut) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return out, err
}

// TestWritesComeBackSoonAfterTheLeaderDied: its death is noticed after one timeout, not
// after one to three, the next one is elected at the first attempt, and what waits for
// it goes to it at once.
func TestWritesComeBackSoonAfterTheLeaderDied(t *testing.T) {
	const kills = 30
	for _, who := range []string{"another voter", "an edge"} {
		t.Run("as "+who+" sees it", func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster) {
				var away []time.Duration
				c.three(func(cfg *VoterConfig) {
					cfg.Forward = func(ctx context.Context, to string, b []byte) ([]byte, error) { return c.silent(ctx, cfg.Node, to, b) }
				})
				edge := c.followWith("e1", func(cfg *FollowerConfig) {
					cfg.Forward = func(ctx context.Context, to string, b []byte) ([]byte, error) { return c.silent(ctx, "e1", to, b) }
				})
				for i := range kills {
					leader := c.leader()
					asks := proposer(edge)
					for _, v := range c.others(leader) {
						if who == "another voter" {
							asks = v
						}
						if edge.at() == leader.cfg.Node { // where the edge's voter dies is another test's
							edge.end(t)
							edge = c.followWith("e1", func(cfg *FollowerConfig) {
								cfg.Forward = func(ctx context.Context, to string, b []byte) ([]byte, error) { return c.silent(ctx, "e1", to, b) }
							}, v.cfg.Node)
						}
					}
					time.Sleep(5*time.Second + time.Duration(i)*17*time.Millisecond) // any moment between two heartbeats
					if who == "an edge" {
						asks = edge
					}
					c.net.isolate(leader.cfg.Node, true)
					start := time.Now()
					must(t, asks, create(fmt.Sprint("w_", i)))
					away = append(away, time.Since(start))
					c.end(leader)
					back := c.start(leader.cfg.Node, func(cfg *VoterConfig) {
						cfg.Forward = func(ctx context.Context, to string, b []byte) ([]byte, error) { return c.silent(ctx, cfg.Node, to, b) }
					})
					now := c.leader()
					wait(t, back, func(s *control.State) bool { return s.Index() == now.State().Index() })
				}
				edge.end(t)
				slices.Sort(away)
				p50, worst := away[kills/2], away[kills-1]
				t.Logf("writes back: p50 %v, p90 %v, worst %v", p50, away[kills*9/10], worst)
				if p50 > 750*time.Millisecond || worst > 1500*time.Millisecond {
					t.Errorf("writes came back after %v (p50), at worst after %v", p50, worst)
				}
			})
		})
	}
}

// others are the voters that do not lead.
func (c *cluster) others(leader *running) (out []*running) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, node := range []string{"n1", "n2", "n3"} {
		if v := c.voters[node]; v != nil && v != leader {
			out = append(out, v)
		}
	}
	return out
}
