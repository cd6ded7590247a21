// Package rollout decides what happens next to a release. Next is a pure
// function of what is remembered (State) and what happened (Observation): it
// gives what to remember from now on, and the Actions to carry out once that is
// stored. Package runner carries them out.
//
// The laws, which laws_test.go checks:
//
//   - a weight is never outside 0 to the limit of the Spec;
//   - from every state, a rejection puts the weight to 0 with its first action;
//   - a process that takes over sees the State and gets the same Actions as the
//     one that stored it;
//   - stable objects are replaced only when the canary's pods are those that
//     were tested, and nobody changed what would be replaced;
//   - whatever was asked for, the actions come to an end.
package rollout
