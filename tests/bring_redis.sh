#!/usr/bin/env bash
# Brings a Redis server for the tests: the machine's own if there is one; else Debian's package, installed where we are
# root, and unpacked into a folder of the project where we are not. Usage: tests/bring_redis.sh FOLDER
set -euo pipefail
folder=$1
mkdir -p "$folder"

say() { echo "redis: $*"; }

server() { command -v redis-server || { [ -x /usr/bin/redis-server ] && echo /usr/bin/redis-server; }; }

# A wrapper is all that the tests know.
wrap() {
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "'$2'" "'$1'" > "$folder/redis-server"
    chmod +x "$folder/redis-server"
    "$folder/redis-server" --version
}

if server > /dev/null; then
    say "using $(server)"
    wrap "$(server)" ""
    exit
fi

if ! command -v apt-get > /dev/null; then
    say "no redis-server, and no apt-get to bring one. Install Redis or Valkey so that redis-server is in the PATH." >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    say "installing Debian's redis-server"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends redis-server > /dev/null
    wrap "$(server)" ""
    exit
fi

say "not root: unpacking Debian's redis-server into $folder"
state="$folder/apt"
mkdir -p "$state/lists/partial" "$state/archives/partial"
apt=(apt-get -qq -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state" -o "Dir::Cache::archives=$state/archives" -o Debug::NoLocking=1)
"${apt[@]}" update
(
    cd "$state/archives"
    "${apt[@]}" download redis-server redis-tools libatomic1 libjemalloc2 liblzf1 libssl3 libsystemd0
    for package in ./*.deb; do dpkg -x "$package" ../../root; done
)
libraries=$(dirname "$(find "$folder/root" -name 'libjemalloc.so*' -print -quit)")
wrap "$(realpath "$folder")/root/usr/bin/redis-server" "$(realpath "$libraries")"
