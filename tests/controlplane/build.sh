#!/bin/sh
# Builds the real control plane that the live tests start: etcd, kube-apiserver, kube-controller-manager and kubectl.
#
#   build.sh           build what is missing, then print the folder of the binaries (the only line on stdout)
#   build.sh --where   print that folder and build nothing
#
# The versions are the ones that kubernetes/go.mod and etcd/go.mod pin; the folder is named by them, outside the checkout.
# A folder that is there is whole: the build happens beside it and is renamed into place at the end.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

pinned() { # module path of what is pinned, folder of the go.mod
    sed -n "s|^[[:space:]]*\(require[[:space:]]\)\{0,1\}[[:space:]]*$1 v\([^ ]*\).*|\2|p" "$here/$2/go.mod" | head -n 1
}

kubernetes=$(pinned k8s.io/kubernetes kubernetes)
etcd=$(pinned go.etcd.io/etcd/server/v3 etcd)
cache=${K8SRUN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8srun}/controlplane
target=$cache/k8s-${kubernetes}_etcd-${etcd}

case "${1:-}" in
--where)
    echo "$target"
    exit 0
    ;;
"") ;;
*)
    echo "build.sh: unknown argument '$1'; usage: build.sh [--where]" >&2
    exit 2
    ;;
esac

if [ -d "$target" ]; then
    echo "$target"
    exit 0
fi

say() { echo "controlplane: $*" >&2; }

fail() {
    say "error: $*"
    say "Without these binaries the live tests skip (with K8SRUN_REQUIRE_LIVE=1 they fail)."
    exit 1
}

require_go() {
    wanted=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' "$here/kubernetes/go.mod")
    hint="Install Go $wanted or newer (https://go.dev/dl/; a distribution's package is often too old) and put it on PATH."
    command -v go >/dev/null 2>&1 || fail "Kubernetes $kubernetes is built from source and 'go' was not found. $hint"
    # Asked inside the module: a go that may fetch the toolchain a go.mod wants answers with that one.
    found=$(cd "$here/kubernetes" && go env GOVERSION 2>"$work/go.err") || fail "'go env' failed: $(cat "$work/go.err") $hint"
    echo "${found#go} $wanted" | awk '{ split($1, have, "."); split($2, want, ".")
        exit !(have[1] > want[1] || (have[1] == want[1] && have[2] + 0 >= want[2])) }' ||
        fail "Kubernetes $kubernetes needs Go $wanted or newer, and $(command -v go) is $found. $hint"
}

elapsed() {
    seconds=$(($(date +%s) - $1))
    printf '%dm%02ds' $((seconds / 60)) $((seconds % 60))
}

# Several minutes of silence look like a hang, a thousand lines hide the error: say how far it is, and only errors in full.
watch_build() { # name, packages in all, pid, log, since when
    last=0
    while kill -0 "$3" 2>/dev/null; do
        sleep 1
        now=$(date +%s)
        [ $((now - last)) -ge "$progress_every" ] || continue
        last=$now
        printf "$progress_format" "controlplane: $1: $(elapsed "$5"), compiled $(grep -c '^[^ ]*$' "$4" || true) of up to $2 packages" >&2
    done
    [ "$progress_every" -gt 1 ] || echo >&2
}

build() { # name, folder of the go.mod, package, extra -ldflags
    began=$(date +%s)
    log=$work/$1.log
    cd "$here/$2"
    say "building $1 from $3"
    go list -deps -tags "$tags" "$3" >"$work/deps" 2>"$log" || fail "cannot load $3: $(cat "$log")"
    go build -v -mod=readonly -buildvcs=false -trimpath -tags "$tags" -ldflags "-s -w $4" -o "$work/bin/$1" "$3" >"$log" 2>&1 &
    compiler=$!
    watch_build "$1" "$(grep -c . "$work/deps")" "$compiler" "$log" "$began"
    # Without packages that compiled, what is left in the log is what went wrong.
    wait "$compiler" || fail "go build $3 failed after $(elapsed "$began"): $(grep -v '^[^ ]*$' "$log" || tail -n 5 "$log")"
    compiler=
    say "built $1 in $(elapsed "$began")"
}

version_flags() { # what release builds set; without it /version answers v0.0.0
    major=${kubernetes%%.*}
    minor=${kubernetes#*.}
    # The time of the release, so that the same sources give the same binary.
    released=$(cd "$here/kubernetes" && go list -m -f '{{.Time.Format "2006-01-02T15:04:05Z07:00"}}' k8s.io/kubernetes)
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        for value in "gitVersion=v$kubernetes" "gitMajor=$major" "gitMinor=${minor%%.*}" gitCommit=unknown \
            gitTreeState=archive "buildDate=$released"; do
            printf '%s' "-X $package.$value "
        done
    done
}

clean_up() {
    if [ -n "$compiler" ]; then
        kill "$compiler" 2>/dev/null || true
        wait "$compiler" || true
    fi
    # What go had started may write for a moment longer.
    rm -rf "$work" 2>/dev/null || { sleep 1 && rm -rf "$work"; }
}

compiler=
mkdir -p "$cache"
work=$(mktemp -d "$cache/.building-XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$work/bin"

if [ -t 2 ]; then
    progress_every=1
    progress_format='\r%s '
else
    progress_every=30
    progress_format='%s\n'
fi

export CGO_ENABLED=0 GOWORK=off GOTMPDIR="$work"
tags=notest,grpcnotrace # as Kubernetes' own release builds have them
started=$(date +%s)
require_go
say "Kubernetes $kubernetes and etcd $etcd with $found into $target"
say "The first build compiles about 2,000 packages: about 10 minutes on two cores, once."
build etcd etcd go.etcd.io/etcd/server/v3 ""
flags=$(version_flags)
for name in kube-apiserver kube-controller-manager kubectl; do
    build "$name" kubernetes "k8s.io/kubernetes/cmd/$name" "$flags"
done

# Somebody else may have finished first: theirs is as good.
[ -d "$target" ] || mv "$work/bin" "$target"
say "done in $(elapsed "$started")"
echo "$target"
