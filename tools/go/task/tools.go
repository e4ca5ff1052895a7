// Keeps the command below in go.mod; never compiled itself.

//go:build tools

package tools

import _ "github.com/go-task/task/v3/cmd/task"
