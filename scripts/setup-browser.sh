#!/bin/sh
# Puts Chromium and fonts with Chinese characters on this machine for the tests of the web page, where that is possible.
# Never fails: without a browser those tests skip and say so.
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null 2>&1 && exit 0
fi
echo "no Chromium here: the tests of the web page will be skipped (Debian: apt-get install chromium fonts-noto-cjk)" >&2
