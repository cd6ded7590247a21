// Package examine finds what would disturb a release, or disturbs it already, at
// Emissary: its pods, its CRDs, and what it makes of the Mappings of a cluster.
package examine
