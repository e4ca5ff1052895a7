// Keeps the command below in go.mod; never compiled itself.

//go:build tools

package tools

import _ "go.etcd.io/etcd/server/v3"
