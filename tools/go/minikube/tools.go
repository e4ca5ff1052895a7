// Keeps the command below in go.mod; never compiled itself.

//go:build tools

package tools

import _ "k8s.io/minikube/cmd/minikube"
