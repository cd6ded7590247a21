// Package rollout decides what happens next to a release. Decide is the policy of a
// process: what it does next, by what it knows. Next is a pure function of what is
// remembered (State) and what happened (Observation): it gives what to remember from now
// on, and the Actions to carry out once that is stored. Package runner is the plain loop
// around both.
//
// The laws are listed in docs/architecture.md ("The loop of a run"), with the test that
// keeps each. course_sim_test.go is that loop as a program, and testdata/course has
// releases as stories.
package rollout
