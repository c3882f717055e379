#!/bin/sh
# Puts avahi on this machine for the tests that meet it as a foreign neighbour, where that is possible; with the word `bench` also
# serf and syncthing, beside which `make bench-lan` measures. Nothing is started: tests and benchmarks run daemons of their own in
# network namespaces. Never fails: what is not here is skipped, and says so.
set -u
[ "${1:-}" = bench ] && peers="serf syncthing" || peers=""
PATH="$PATH:/usr/sbin:/sbin"

missing() {
    for name in avahi-daemon avahi-browse avahi-publish dbus-daemon dbus-send $peers; do
        command -v "$name" >/dev/null 2>&1 || echo "$name"
    done
}

[ -z "$(missing)" ] && exit 0
packages="avahi-daemon avahi-utils dbus $peers"
policy=/usr/sbin/policy-rc.d
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    # A freshly installed daemon would greet the real network; 101 forbids the package to start it.
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1
fi
[ -z "$(missing)" ] && exit 0
echo "not here: $(missing | tr '\n' ' ')- what meets them will be skipped (Debian: apt-get install $packages)" >&2
exit 0
