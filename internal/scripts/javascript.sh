#!/usr/bin/env bash
# Installs the npm packages of the tests with official JavaScript clients and with a
# browser, at the exact versions of package.json, when they are missing or other ones. In
# CI a failure is an error; on a developer's machine it is a warning, and the tests say so
# and skip.
set -euo pipefail
cd "$(dirname "$0")/../../test"

mark=node_modules/.installed
if ! command -v npm >/dev/null; then
	echo "missing: npm (on Debian and Ubuntu: sudo apt-get install nodejs npm)" >&2
	[ "${CI:-}" != true ]
	exit
fi

# packages installs those of one folder.
packages() (
	cd "$1"
	[ -e "$mark" ] && cmp -s package.json "$mark" && return 0
	if npm install --no-package-lock --no-audit --no-fund --loglevel=error >&2; then
		cp package.json "$mark"
		return 0
	fi
	echo "npm could not install the packages of test/$1" >&2
	[ "${CI:-}" != true ]
)

packages interop/javascript
packages console
