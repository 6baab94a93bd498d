#!/usr/bin/env bash
# The benchmarks beside the code, ten runs each, and comparisons by benchstat:
#
#   bench/micro.sh run FILE        measure this checkout, write FILE
#   bench/micro.sh baseline        the same into bench/baseline.txt
#   bench/micro.sh compare         measure this checkout, compare with bench/baseline.txt
#   bench/micro.sh against REV     compare this checkout with a revision, measured in turn
#
#   BENCH=Index        only benchmarks that match (default: all but SKIP)
#   PACKAGES=topic     only these folders (default: all that have benchmarks)
#   COUNT=10 BENCHTIME=0.2s
#
# Runs of one benchmark are spread over the whole time, so that a machine that
# slows down for a minute spoils one run of each and not ten of one.
set -euo pipefail
cd "$(dirname "$0")/.."

BENCHSTAT=golang.org/x/perf/cmd/benchstat@v0.0.0-20260709024250-82a0b07e230d
BENCH=${BENCH:-.}
# Left out unless asked for: minutes of set-up for little to be learned.
if [ "$BENCH" = . ]; then SKIP=${SKIP:-IndexFill|NamesMillion/walk|^BenchmarkIdle|Drain/entries=1000000}; fi
SKIP=${SKIP:-^$}
COUNT=${COUNT:-10}
BENCHTIME=${BENCHTIME:-0.2s}
go=${GO:-go}

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit "$1"; }

work=$(mktemp -d "${TMPDIR:-/var/tmp}/gridmq-micro-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# packages ROOT: the folders that have benchmarks.
packages() {
	if [ -n "${PACKAGES:-}" ]; then tr ', ' '\n\n' <<<"$PACKAGES" | sed '/^$/d'; return; fi
	(cd "$1" && grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sed 's|^\./||' | sort -u)
}

# build ROOT INTO: a test binary for each of them.
build() {
	local p
	mkdir -p "$2"
	for p in $(packages "$1"); do
		if [ ! -d "$1/$p" ]; then echo "no $p there: left out" >&2; continue; fi
		(cd "$1" && "$go" test -c -o "$2/${p//\//_}.test" "./$p")
		if [ -e "$2/${p//\//_}.test" ]; then echo "$1/$p" >"$2/${p//\//_}.dir"; fi
	done
}

# round BINARIES FILE: one run of everything.
round() {
	local b
	for b in "$1"/*.test; do
		(cd "$(cat "${b%.test}.dir")" && "$b" -test.run '^$' -test.bench "$BENCH" -test.skip "$SKIP" -test.benchmem -test.benchtime "$BENCHTIME") >>"$2"
	done
}

# what ROOT is, for the head of a file; benchstat passes over it.
label() { echo "# $(git describe --always --dirty 2>/dev/null || echo unknown), $(date -u +'%Y-%m-%d %H:%M UTC'), $("$go" env GOVERSION), $(nproc) processors"; }

measure() { # FILE
	echo "building" >&2
	build "$PWD" "$work/now"
	label >"$work/now.txt"
	local i began=$SECONDS
	for i in $(seq "$COUNT"); do
		echo "round $i of $COUNT$([ "$i" -gt 1 ] && echo ", about $(((SECONDS - began) * (COUNT - i + 1) / (i - 1))) s left")" >&2
		round "$work/now" "$work/now.txt"
	done
	mv "$work/now.txt" "$1"
}

benchstat() { (cd "$work" && "$go" run "$BENCHSTAT" "$@"); }

case ${1:-} in
run)
	[ $# -eq 2 ] || usage 1
	measure "$2"
	;;
baseline)
	measure bench/baseline.txt
	echo "written to bench/baseline.txt"
	;;
compare)
	[ -e bench/baseline.txt ] || { echo "no bench/baseline.txt: bench/micro.sh baseline makes it" >&2; exit 1; }
	measure "$work/after.txt"
	benchstat baseline="$PWD/bench/baseline.txt" now="$work/after.txt"
	;;
against)
	[ $# -eq 2 ] || usage 1
	mkdir "$work/src"
	git archive "$2" | tar -x -C "$work/src"
	echo "building both" >&2
	build "$work/src" "$work/before"
	build "$PWD" "$work/now"
	for i in $(seq "$COUNT"); do
		echo "round $i of $COUNT" >&2
		round "$work/before" "$work/before.txt"
		round "$work/now" "$work/now.txt"
	done
	benchstat "$(git rev-parse --short "$2")=$work/before.txt" now="$work/now.txt"
	;;
-h | --help) usage 0 ;;
*) usage 1 ;;
esac
