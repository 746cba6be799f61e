// Package controlpb is the protobuf form of commands, records, changes and watch
// streams, generated from control.proto. It holds no rule; package control does.
package controlpb

//go:generate sh -c "protoc --plugin=protoc-gen-go=$(go tool -n protoc-gen-go) --go_out=. --go_opt=paths=source_relative control.proto"
