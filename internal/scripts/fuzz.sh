#!/usr/bin/env bash
# Runs every fuzz target of the module, one after another: fuzz.sh 60s
# Findings stay in the package's testdata/fuzz; commit them with the fix.
set -euo pipefail
duration=${1:-60s}
go=${GO:-go}

# `go test -list` prints the targets of a package, then "ok <package> ...".
targets=$("$go" test -list '^Fuzz' ./... | awk '
	/^Fuzz/ { names[++n] = $1 }
	/^ok/   { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')
[ -n "$targets" ] || { echo "no fuzz targets found" >&2; exit 1; }

passed=0 failed=0
while read -r package name; do
	echo "== $package $name ($duration)"
	if "$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" -fuzzminimizetime 5s "$package"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done <<<"$targets"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
