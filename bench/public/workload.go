package main

import "slices"

// workload is where the requests of a release come from. A run draws one of the
// streams and one of the pools.
type workload struct {
	name    string
	rate    float64   // mean number of requests per second of both versions
	bounds  []float64 // of the histogram, s
	streams []stream
	pools   []pool
	// ordered means that request i of the only stream has the latency i of the
	// only pool. Otherwise every request draws its latency from the pool.
	ordered bool
}

// stream is a trace whose time is scaled to the mean rate. It repeats.
type stream struct {
	at     []float64 // of each request, s
	period float64   // s
}

// pool holds latencies that belong together, each as the number of its bucket.
type pool struct {
	rows     [labels][]uint8
	boundary int             // the bucket of the largest latency that is not slow
	slow     [labels]float64 // the part of the rows that is slow
}

// setting holds the rate of requests and the buckets. The data says nothing about them.
type setting struct {
	name   string
	rate   float64
	bounds []float64 // of the histograms of DeLag
}

// usual is the setting of the first tables. Its 17 bounds of buckets are those
// of the series R10 of preferred numbers, ten for each power of ten. The systems'
// latencies fall into four or five of their buckets.
var usual = setting{
	name: "the usual: 17 buckets, ten to a power of ten", rate: 100,
	bounds: []float64{.05, .063, .08, .1, .125, .16, .2, .25, .315, .4, .5, .63, .8, 1, 1.25, 1.6, 2},
}

// tokenBounds are 16 bounds for latencies of a fifth of a second to a minute.
var tokenBounds = []float64{.1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60}

// perToken is the time in seconds in which a token is taken to be generated.
const perToken = .02

// mostSlow is the part of healthy requests that may be slower than the boundary
// of slow requests: whoever sets a limit for the 99th percentile sets it where
// the running version keeps it.
const mostSlow = .01

// allWorkloads returns a workload for each system of DeLag and for each trace.
func allWorkloads(d *data, of setting) []*workload {
	var streams []stream
	for _, t := range d.traces {
		streams = append(streams, newStream(t.arrivals, of.rate))
	}
	var all []*workload
	for _, e := range d.experiments {
		i := slices.IndexFunc(all, func(w *workload) bool { return w.name == e.system })
		if i < 0 {
			i = len(all)
			all = append(all, &workload{name: e.system, rate: of.rate, bounds: of.bounds, streams: streams})
		}
		all[i].pools = append(all[i].pools, newPool(e.latency, of.bounds))
	}
	for i, t := range d.traces {
		latency := make([]float64, len(t.tokens))
		for k, tokens := range t.tokens {
			latency[k] = perToken * tokens
		}
		all = append(all, &workload{
			name: "azure-" + t.name, rate: of.rate, bounds: tokenBounds, streams: streams[i : i+1], ordered: true,
			pools: []pool{newPool([labels][]float64{latency}, tokenBounds)},
		})
	}
	return all
}

// mixed returns a workload of all experiments of DeLag: a run takes one of any
// system.
func mixed(all []*workload) *workload {
	every := &workload{name: "DeLag"}
	for _, w := range all {
		if !w.ordered {
			every.rate, every.bounds, every.streams = w.rate, w.bounds, w.streams
			every.pools = append(every.pools, w.pools...)
		}
	}
	return every
}

// newStream scales the time of arrivals to a mean rate. After the last one the
// stream begins again after a mean pause.
func newStream(arrivals []float64, rate float64) stream {
	n := float64(len(arrivals))
	s := stream{period: n / rate, at: make([]float64, len(arrivals))}
	for i, t := range arrivals {
		s.at[i] = t / arrivals[len(arrivals)-1] * (n - 1) / rate
	}
	return s
}

// newPool sorts latencies into buckets. The boundary is the smallest bound that
// at most mostSlow of the healthy requests exceed.
func newPool(latency [labels][]float64, bounds []float64) pool {
	p := pool{boundary: len(bounds) - 1}
	counts := [labels][]int{}
	for label, all := range latency {
		counts[label] = make([]int, len(bounds)+1)
		for _, s := range all {
			b, _ := slices.BinarySearch(bounds, s) // the first bound that is not below it
			p.rows[label] = append(p.rows[label], uint8(b))
			counts[label][b]++
		}
	}
	slower := 0
	for b := len(bounds); b > 0; b-- {
		if slower += counts[healthy][b]; float64(slower) > mostSlow*float64(len(latency[healthy])) {
			break
		}
		p.boundary = b - 1
	}
	for label, of := range counts {
		slow := 0
		for _, n := range of[p.boundary+1:] {
			slow += n
		}
		p.slow[label] = float64(slow) / float64(max(len(latency[label]), 1))
	}
	return p
}
