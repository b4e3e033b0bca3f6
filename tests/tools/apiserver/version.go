// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"strings"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/component-base/compatibility"
)

// releasedVersion is a version that says at /version of which release of
// Kubernetes the libraries are: v0.37.2 of a library is that of v1.37.2.
type releasedVersion struct {
	compatibility.EffectiveVersion
}

// Info implements compatibility.EffectiveVersion.
func (v releasedVersion) Info() *version.Info {
	info := v.EffectiveVersion.Info()
	build, ok := debug.ReadBuildInfo()
	if info == nil || !ok {
		return info
	}
	for _, module := range build.Deps {
		if release, ok := strings.CutPrefix(module.Version, "v0."); ok && module.Path == "k8s.io/apiserver" {
			info.GitVersion = "v1." + release
			info.GitCommit = ""
		}
	}
	return info
}
