// Package rollout decides what happens next to a release. It is pure: it does no I/O and
// reads no clock.
//
// Decide is the policy of a process: given everything the process knows, it returns what
// to do next. Next is the state machine of a release: given the stored State and an
// Observation, it returns the new State and the Actions to carry out once that State is
// stored. Package runner is the loop around both.
//
// docs/architecture.md ("The loop of a run") lists the laws and the test that keeps each.
// course_sim_test.go runs the loop against a simulated cluster, and testdata/course holds
// releases as stories.
package rollout
