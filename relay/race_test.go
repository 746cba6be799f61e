//go:build race

package relay

// raced says that the race detector is on. It fails by itself, with "CHECK failed: tsan_rtl.cpp", in bubbles in which timers
// fire very often (golang/go#78156): meshes are smaller then, and play for less time.
const raced = true
