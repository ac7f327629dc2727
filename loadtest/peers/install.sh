#!/usr/bin/env bash
# Brings the servers that fan-out is compared with into a folder of its own (the argument), pinned where the registry
# lets us. What cannot be had is said and left out; the benchmark then skips it. Nothing is installed into the system.
set -uo pipefail

folder=${1:?folder}
mkdir -p "$folder"
cd "$folder"

left_out() { echo "left out: $1"; }

node_packages=(ws@8.23.0 @trufflesuite/uws-js-unofficial@20.30.0-unofficial.0)
if command -v npm >/dev/null; then
    for package in "${node_packages[@]}"; do
        name=${package%@*}
        [ "$(node -p "require('./node_modules/$name/package.json').version" 2>/dev/null)" = "${package##*@}" ] && continue
        npm install --prefix . --ignore-scripts --no-fund --no-audit --silent "$package" || left_out "$name (npm)"
    done
else
    left_out "ws and uWebSockets (no npm)"
fi

python_packages=(websockets==17.4 python-socketio==5.18.1 aiohttp==3.14.5 uvloop==0.23.0)
if [ ! -e "venv/.installed-${python_packages[*]//[ \/]/_}" ]; then
    rm -rf venv
    if "${PYTHON:-python3}" -m venv venv && venv/bin/pip install -q --disable-pip-version-check "${python_packages[@]}"; then
        touch "venv/.installed-${python_packages[*]//[ \/]/_}"
    else
        left_out "websockets and python-socketio (pip)"
    fi
fi

# Debian's packages are unpacked, not installed: no service is started and no root is needed.
if [ ! -x nginx/usr/sbin/nginx ] || [ ! -e nginx/usr/lib/nginx/modules/ngx_nchan_module.so ]; then
    mkdir -p nginx/packages
    if command -v apt-get >/dev/null &&
        { (cd nginx/packages && apt-get download -qq nginx libnginx-mod-nchan) ||
            { apt-get update -qq && (cd nginx/packages && apt-get download -qq nginx libnginx-mod-nchan); }; } 2>/dev/null; then
        for package in nginx/packages/*.deb; do dpkg -x "$package" nginx; done
    else
        left_out "nchan (apt-get)"
    fi
fi
exit 0
