#!/bin/sh
# Builds the one executable, dist/ar-agent, with PyInstaller in an environment of its own (build/out/venv).
#
# Usage: dist.sh    Environment: PYTHON (preferred, python3), VENV_ARGS as in setup.sh
#
# PyInstaller packs the library that Python consists of, so it takes a Python that has one as a shared file: Debian
# keeps it in a package of its own, and a self-built Python (pyenv) has it only when configured with --enable-shared.
set -eu
cd "${0%/*}/.."

has_shared_library() {
    "$1" - 2>/dev/null <<'END'
import os, sys, sysconfig

of = sysconfig.get_config_var
names = [of("INSTSONAME"), of("LDLIBRARY")]
folders = [of("LIBDIR"), sys.base_prefix + "/lib", sys.base_prefix]
sys.exit(not any(n and ".so" in n and os.path.exists(os.path.join(f, n)) for n in names for f in folders if f)
         and sys.platform != "darwin")
END
}

# Print a Python that PyInstaller can pack: the one asked for, else the system's, which is compiled for speed, which
# self-built ones seldom are.
choose_python() {
    asked=${PYTHON:-python3}
    [ "$asked" != python3 ] || asked=""
    for python in $asked /usr/bin/python3 /usr/local/bin/python3 python3; do
        if has_shared_library "$python"; then echo "$python"; return; fi
    done
    version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') || return 1
    sh build/packages.sh "libpython$version" >&2
    has_shared_library /usr/bin/python3 && echo /usr/bin/python3
}

mkdir -p build/out
sh build/packages.sh dist
python=$(choose_python) || { echo "dist: found no Python with a shared library; PYTHON=... names one" >&2; exit 69; }
PYTHON=$python VENV=build/out/venv sh build/setup.sh build
echo "dist: building with $("$python" --version) ($python)"
build/out/venv/bin/python -m PyInstaller --noconfirm --log-level WARN \
    --distpath dist --workpath build/out/pyinstaller build/ar-agent.spec
ls -l dist/ar-agent
