package parity

import (
	"math"
	"time"
)

// The most that is ever sent: ten packets of parity for twenty of data. A link that loses so much that this is not
// enough is too small for what it carries, and more on it makes that worse; the relay sheds from 10 % on.
const Most = 10

// block is how many data packets a block has at most. With more, the same share of parity covers bursts better, and
// is made later; at 20 Mbps twenty packets of one frame leave within 8 ms.
const block = 20

// residual is how many blocks may fail, of all: of a 4K key frame of 700 packets, which are 35 blocks, one in a hundred
// then waits for a retransmission, and of other frames one in a thousand.
const residual = 3e-4

// Need returns how many packets of parity for each 20 of data let all but a few blocks of 20 arrive whole (3 in 10,000)
// on a link that loses the share loss of its packets at random. When it loses them in bursts, of burst packets on average, that
// is a packet or three more, and one block in a hundred may fail; of bursts of more than eight it takes no notice.
// It is 0 when nothing is lost, or when rtt is less than half of budget, the time within which a packet is of use:
// then a retransmission is in time and costs nothing while nothing is lost. It is at most [Most].
//
// rtt is the way's own, its minimum: a queue is no reason for parity (RFC 9265 section 5), and with the minimum what
// Need returns cannot grow while one builds. Loss by a queue is; [Dose] sees to that.
func Need(loss, burst float64, rtt, budget time.Duration) int {
	if !(loss > 0) || rtt < budget/2 {
		return 0
	}
	loss = min(loss, 1)
	// A burst takes neighbours, which the blocks of a group share; what a block then loses at once is so much rarer.
	size := 1.0
	if burst <= hopeless {
		size = max(1, min(burst, worthwhile)/spread)
	}
	for parity := 1; parity < Most; parity++ {
		if failing(block+parity, math.Floor(float64(parity)/size), loss/size) <= residual {
			return parity
		}
	}
	return Most
}

const (
	// spread is over how many blocks a burst is spread, as far as one can count on it: a group at 20 Mbps has two or three.
	spread = 2
	// Against longer bursts than worthwhile parity is not increased: at 1 % and bursts of four, each packet of parity more
	// halved the blocks that failed; at bursts of eight it took a quarter, at twenty a tenth (400,000 packets, groups of
	// 57). From hopeless on, what there is for single losses is all that pays.
	worthwhile = 4
	hopeless   = 8
)

// failing is the probability that of n packets, each lost with probability p, more than most are.
func failing(n int, most, p float64) float64 {
	p = min(p, 0.999)
	term := math.Pow(1-p, float64(n)) // of exactly i losses
	whole := term
	for i := 0; i < int(most); i++ {
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
		whole += term
	}
	return 1 - whole
}
