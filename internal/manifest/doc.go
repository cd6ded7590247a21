// Package manifest reads Kubernetes manifests, gives every object an identity
// and a position, lets other packages edit objects as trees that keep comments
// and order, and writes them back as YAML.
//
// It knows the shape that all Kubernetes objects share (apiVersion, kind,
// metadata, lists) and nothing about any kind in particular. Reading from disk
// is in read.go; everything else is pure.
package manifest
