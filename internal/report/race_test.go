//go:build race

package report

// raced reports that the race detector slows the tests down about tenfold.
const raced = true
