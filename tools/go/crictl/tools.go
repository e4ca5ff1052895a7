// Keeps the command below in go.mod; never compiled itself.

//go:build tools

package tools

import _ "sigs.k8s.io/cri-tools/cmd/crictl"
