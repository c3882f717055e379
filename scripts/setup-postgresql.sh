#!/bin/sh
# Puts the PostgreSQL server on this machine for the tests of a SkillCenter with several replicas, where that is possible.
# Nothing is started: the tests run a server of their own. Never fails: without one those tests skip and say so.
set -u
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
command -v initdb >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } >/dev/null 2>&1 && exit 0
fi
echo "no PostgreSQL server here: the tests with several replicas will be skipped (Debian: apt-get install postgresql)" >&2
