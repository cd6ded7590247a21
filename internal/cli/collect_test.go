package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// settings returns the settings of the garbage collector.
func settings() (percent int, limit int64) {
	percent, limit = debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	debug.SetGCPercent(percent)
	return percent, limit
}

func TestCollectLate(t *testing.T) {
	usual := func() bool {
		percent, limit := settings()
		return percent == 100 && limit == math.MaxInt64
	}
	if !usual() {
		t.Skip("the environment sets GOGC or GOMEMLIMIT")
	}
	end := collectLate()
	if percent, limit := settings(); percent != -1 || limit != firstCollection {
		t.Errorf("the collector begins at %d bytes, with %d %%", limit, percent)
	}
	end()
	if !usual() {
		t.Error("the end of the delay does not restore the settings")
	}
	defer collectLate()()
	for !usual() { // the first collection ends the delay, some time after it
		runtime.GC()
	}
}

func TestCollectLateLeavesTheEnvironment(t *testing.T) {
	percent := debug.SetGCPercent(50)
	defer debug.SetGCPercent(percent)
	end := collectLate()
	if percent, _ := settings(); percent != 50 {
		t.Errorf("GOGC=50 became %d", percent)
	}
	end()
	if percent, _ := settings(); percent != 50 {
		t.Errorf("GOGC=50 became %d at the end", percent)
	}
}
