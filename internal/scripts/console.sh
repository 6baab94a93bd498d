#!/usr/bin/env bash
# Builds the console into dashboard/dist/console, where the next build of the binary
# embeds it: console.sh must, or console.sh try, which lets the binary be built without a
# console where there is no Node.js. In CI a failure is an error in both. console.sh packages
# only installs what the build needs.
set -euo pipefail
how=${1:-must}
cd "$(dirname "$0")/../../dashboard/web"

page=../dist/console/index.html
mark=node_modules/.installed

# without says that there will be no console, and how to get it.
without() {
	echo "no console: $1; everything else works without it, and \`make console\` builds it once that is cured" >&2
	[ "$how" = try ] && [ "${CI:-}" != true ]
	exit
}

sources=(package.json tsconfig.json vite.config.ts index.html src)
[ -e "$page" ] && [ -z "$(find "${sources[@]}" -newer "$page" -print -quit)" ] && exit 0

command -v npm >/dev/null || without "npm is missing (on Debian and Ubuntu: sudo apt-get install nodejs npm)"
node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' || without "Node.js $(node --version) is too old, it takes 20 or later"
if ! { [ -e "$mark" ] && cmp -s package.json "$mark"; }; then
	npm install --no-package-lock --no-audit --no-fund --loglevel=error >&2 || without "npm could not install the packages of dashboard/web"
	cp package.json "$mark"
fi
[ "$how" = packages ] && exit 0
echo "building the console" >&2
npm run --silent check >&2 || without "its types do not fit"
npm run --silent build -- --logLevel warn >&2 || without "Vite could not build it"
touch "$page" # newer than its sources, whatever the clock of a checkout
