// Keeps the command below in go.mod; never compiled itself.

//go:build tools

package tools

import _ "github.com/docker/compose/v2/cmd"
