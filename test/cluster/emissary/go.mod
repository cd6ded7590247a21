// This module holds one version number: that of the Emissary whose CRDs the
// test control plane installs. It has no packages; "go mod tidy" would empty
// it, so change the version with "go get" in this folder.
module github.com/canarize/canarize/test/cluster/emissary

go 1.26.0

require github.com/emissary-ingress/emissary/v3 v3.10.0
