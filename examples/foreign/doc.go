// Package foreign has nothing but tests: programs of other people that use hashicorp/go-plugin, as they are published,
// with their plugins on networks of gotcp. See README.md.
//
// It is a module of its own, so that none of what it needs is a dependency of gotcp. The Terraform provider is built
// with the versions of its own go.mod, among them a go-plugin of 2019: they are in provider.mod.
package foreign
