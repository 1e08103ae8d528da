#!/bin/sh
# Builds the real image registry that the tests start, and prints its path (the only line on stdout).
#
#   build.sh           build it if it is missing
#   build.sh --where   print the path and build nothing
#
# The version is the one that go.mod pins; the folder is named by it, outside the checkout.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
module=github.com/distribution/distribution/v3
version=$(sed -n "s|^[[:space:]]*\(require \)\{0,1\}$module v\([^ ]*\).*|\2|p" "$here/go.mod" | head -n 1)
cache=${K8SRUN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8srun}/registry
target=$cache/distribution-$version/registry

if [ "${1:-}" = --where ] || [ -x "$target" ]; then
    echo "$target"
    exit 0
fi

command -v go >/dev/null 2>&1 || {
    echo "registry: error: the registry is built from source and 'go' was not found. Without it the tests of registries skip." >&2
    exit 1
}
mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$cache/.building-XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "registry: building $module $version (about 2 minutes on two cores, once)" >&2
cd "$here"
CGO_ENABLED=0 GOWORK=off go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -o "$work/registry" "$module/cmd/registry" >&2
# Somebody else may have finished first: theirs is as good.
mv "$work/registry" "$target"
echo "$target"
