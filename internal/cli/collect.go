package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
)

// firstCollection is the memory, in bytes, with which collectLate begins.
const firstCollection = 128 << 20

// collectLate puts off the collection of garbage until the process uses 128 MB. From then
// on Go collects as usual. Without it a command that reads manifests and ends collects
// six times on the way there, which costs more than it frees. Settings of the
// environment, such as GOGC, stay. The returned function ends the delay.
func collectLate() (end func()) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(firstCollection)
	end = sync.OnceFunc(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	if percent != 100 || limit != math.MaxInt64 { // set by the environment
		end()
		return end
	}
	unused := new(*int) // the first collection frees it
	runtime.AddCleanup(unused, func(end func()) { end() }, end)
	return end
}
