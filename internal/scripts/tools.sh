#!/usr/bin/env bash
# Installs what the tests use besides Go: mosquitto_pub and mosquitto_sub as
# foreign clients, mosquitto as a foreign broker, Node.js for the official JavaScript
# clients and to build the console, Chromium to open it, az, and for what is packaged man
# and systemd's check of units. In CI a missing one is an error; on a developer's machine it
# is a warning, and the tests that need it say so and skip.
set -euo pipefail

missing=()
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto)
command -v mosquitto_pub >/dev/null && command -v mosquitto_sub >/dev/null || missing+=(mosquitto-clients)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v az >/dev/null || missing+=(azure-cli)
command -v man >/dev/null || missing+=(man-db)
command -v systemd-analyze >/dev/null || missing+=(systemd)
command -v chromium >/dev/null || missing+=(chromium)
# What the guides in docs/ use besides gridmq.
command -v curl >/dev/null || missing+=(curl)
command -v jq >/dev/null || missing+=(jq)
command -v openssl >/dev/null || missing+=(openssl)
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing+=(iproute2)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
	# RUNLEVEL=1: only the programs are wanted, no broker on port 1883.
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
	if apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2; then
		exit 0
	fi
fi
echo "missing: ${missing[*]} (on Debian and Ubuntu: sudo apt-get install ${missing[*]})" >&2
[ "${CI:-}" != true ]
