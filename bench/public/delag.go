package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// experiment is one measured run of an application in DeLag (Traini and
// Cortellessa, IEEE Transactions on Software Engineering 49, 2023; data challenge
// of ICPE 2024).
type experiment struct {
	system, file string
	latency      [labels][]float64 // of its requests, s, by label
}

// The labels of requests: healthy, or slowed down in one of two ways.
const (
	healthy = 0
	labels  = 3
)

// longest is the longest latency in seconds that is believed.
const longest = 86400

// heldOut are the last digits of the numbers of experiments that are kept for
// other tests, and never read here.
const heldOut = "789"

// id identifies an experiment.
type id struct{ system, file string }

// experiments collects rows of requests.
type experiments struct {
	all     []experiment
	index   map[id]int
	heldOut map[id]bool
}

// readDelag reads the experiments of a file, and counts those that are held out.
func readDelag(path string) (all []experiment, left int, err error) {
	e := experiments{index: map[id]int{}, heldOut: map[id]bool{}}
	if err := eachRow(path, delagHeader, e.add); err != nil {
		return nil, 0, err
	}
	if err := e.check(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return e.all, len(e.heldOut), nil
}

// add adds a row.
func (e *experiments) add(fields []string) error {
	of := id{fields[0], fields[1]}
	if of.system == "" || of.file == "" {
		return errors.New("the row does not name its system and file")
	}
	ms, err := strconv.ParseFloat(fields[2], 64)
	if err != nil || !(ms >= 0 && ms <= 1000*longest) {
		return fmt.Errorf("the latency is %.40q; it must be a number of milliseconds from 0", fields[2])
	}
	label := strings.Index("012", fields[3])
	if len(fields[3]) != 1 || label < 0 {
		return fmt.Errorf("the label is %.40q; it must be 0, 1 or 2", fields[3])
	}
	if strings.Contains(heldOut, of.file[len(of.file)-1:]) {
		e.heldOut[of] = true
		return nil
	}
	i, found := e.index[of]
	if !found {
		i = len(e.all)
		e.index[of] = i
		e.all = append(e.all, experiment{system: of.system, file: of.file})
	}
	e.all[i].latency[label] = append(e.all[i].latency[label], ms/1000)
	return nil
}

// check returns an error if an experiment lacks requests, or if there is none.
func (e *experiments) check() error {
	for _, x := range e.all {
		for label, latencies := range x.latency {
			if len(latencies) == 0 {
				return fmt.Errorf("%s/%s has no request with the label %d", x.system, x.file, label)
			}
		}
	}
	if len(e.all) == 0 {
		return fmt.Errorf("all %d experiments are held out, because their numbers end in one of %s", len(e.heldOut), heldOut)
	}
	return nil
}
