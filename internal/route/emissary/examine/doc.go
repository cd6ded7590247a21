// Package examine finds at Emissary what would disturb a release or already does: in
// its pods, its CRDs, and its handling of the cluster's Mappings.
package examine
