package client

import (
	"context"
	"time"
)

// Status is the mesh as one node sees it.
type Status struct {
	Node        string       `json:"node" doc:"The node that answers."`
	Version     string       `json:"version"`
	Commit      string       `json:"commit"`
	Cluster     string       `json:"cluster"`
	Leader      string       `json:"leader" doc:"Empty while there is none."`
	Term        uint64       `json:"term"`
	Index       uint64       `json:"index" doc:"The state that this node has applied."`
	GossipKey   *GossipKey   `json:"gossip_key,omitempty" doc:"What the nodes seal their gossip with; absent while some of them are too old to change it."`
	Authority   *Certificate `json:"authority_certificate,omitempty" doc:"Under which the nodes know each other."`
	Nodes       []NodeStatus `json:"nodes" nullable:"false"`
	Tracks      []Track      `json:"tracks" nullable:"false"`
	Unreachable []string     `json:"unreachable" nullable:"false" doc:"Nodes that did not answer: what they carry is missing here."`
}

// GossipKey is how far the nodes are with another key for their gossip.
type GossipKey struct {
	Generation uint64    `json:"generation" doc:"How often it was changed."`
	Phase      string    `json:"phase" enum:"install,use,remove" doc:"install: the next one is brought to all nodes. use: they seal with it. remove: the one before opens nothing any more."`
	Since      time.Time `json:"since" doc:"Of the phase."`
	Current    string    `json:"current,omitempty" doc:"Names the key that is in use, or goes out of use; absent before the first change."`
	Next       string    `json:"next,omitempty" doc:"Names the key that comes into use."`
}

// NodeStatus is one node of the mesh.
type NodeStatus struct {
	Node      string  `json:"node"`
	Role      string  `json:"role" enum:"voter,edge"`
	Region    string  `json:"region"`
	Version   string  `json:"version"`
	URL       string  `json:"url" doc:"Its public base URL."`
	Alive     bool    `json:"alive"`
	Draining  bool    `json:"draining"`
	Load      float64 `json:"load" minimum:"0" doc:"0 is idle, 1 is full."`
	RTT       float64 `json:"rtt_ms" minimum:"0" doc:"From the node that answers."`
	Index     uint64  `json:"index" doc:"The state that it has applied."`
	Staleness float64 `json:"staleness_ms" minimum:"0" doc:"How old its state may be."`
	Outdated  bool    `json:"outdated" doc:"It runs an older version than the newest in the mesh."`
	Sessions  int     `json:"sessions" minimum:"0"`
	Hash      string  `json:"hash,omitempty" doc:"Of its state, as it was at index: the same on all voters at the same index, and on all edges."`

	Mesh   *Certificate `json:"mesh_certificate,omitempty" doc:"Which the other nodes know it by; it renews that by itself. Absent for nodes that did not answer, or are of v0.2."`
	Public *Certificate `json:"public_certificate,omitempty" doc:"Which browsers are shown by this node itself; absent where a proxy in front ends TLS."`
}

// Certificate is an X.509 certificate (RFC 5280), as far as an operator watches it.
type Certificate struct {
	Names       []string  `json:"names" nullable:"false" doc:"Whom it is for: DNS names and addresses, or the subject where there are none."`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256 of the certificate as DER, in hexadecimal digits."`
	EndsSoon    bool      `json:"ends_soon" doc:"Less than 14 days are left, or less than a third of its life where that is shorter: its renewal is late."`
}

// Track is one audio or video flow, and how it travels.
type Track struct {
	Webinar string `json:"webinar"`
	Stream  string `json:"stream"`
	Track   string `json:"track"`
	Epoch   uint64 `json:"epoch" doc:"Grows when another publisher takes the stream."`
	Hops    []Hop  `json:"hops" nullable:"false" doc:"The nodes that carry it, the origin first."`
}

// Hop is one node that carries a track.
type Hop struct {
	Node     string   `json:"node"`
	Role     string   `json:"role" enum:"origin,relay"`
	Parent   string   `json:"parent,omitempty" doc:"Where it comes from; absent at the origin."`
	Path     []string `json:"path" nullable:"false" doc:"From the origin to this node."`
	Readers  int      `json:"readers" minimum:"0" doc:"Viewers and hops that drain it here."`
	Children []string `json:"children" nullable:"false" doc:"Nodes that it feeds."`
	Bytes    uint64   `json:"bytes"`
	Packets  uint64   `json:"packets"`
	Bitrate  uint64   `json:"bitrate_bps"`
	RTT      float64  `json:"rtt_ms" minimum:"0" doc:"To the parent."`

	Standby   string  `json:"standby,omitempty" doc:"Who goes on when the parent dies."`
	Delay     float64 `json:"delay_ms" minimum:"0" doc:"From the origin, estimated."`
	Loss      float64 `json:"loss" minimum:"0" maximum:"1" doc:"Share of the packets from the parent that the network lost lately."`
	Recovered uint64  `json:"recovered" doc:"Packets from the parent that parity brought back."`
	Frames    uint64  `json:"frames" doc:"Frames that came whole."`
	Late      uint64  `json:"late_frames" doc:"Frames that were given up: their deadline passed on the way."`
	Buffer    float64 `json:"buffer_ms" minimum:"0" doc:"How much of the track the node holds."`
	Shed      int     `json:"shed" minimum:"0" doc:"Layers that the parent does not send, since the link is too small."`
}

// Status returns the mesh as the server sees it.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.call(ctx, "GET", path("status"), nil, &s)
	return s, err
}
