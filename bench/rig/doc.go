// Package rig runs the real thing for tests and benchmarks: the demo as a process
// of its own, headless browsers, and players, and measures them from outside. It
// knows nothing of a node's insides; what it cannot see by the API, the pages and
// the process table does not exist for it.
package rig
