// Keeps the command below in go.mod; never compiled itself.

//go:build tools

package tools

import _ "helm.sh/helm/v3/cmd/helm"
