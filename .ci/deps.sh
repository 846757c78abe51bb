#!/bin/sh
# Installs what the build and the tests need and this machine lacks:
#   redis-server, redis-cli   the server tests and `make run`
#   libclang + its headers    bindgen reads redismodule.h through it
#   a C compiler + libc       bindgen needs libc's headers, rustc the linker
# Usage: .ci/deps.sh [PACKAGE...]   Debian packages that are also wanted
# Looks for the tools themselves, so one that was installed another way counts.
# With nothing missing it does nothing, and needs no network.
set -eu

say() { echo "deps: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# True if a pattern among the arguments (expanded by the shell) named a file.
any() { for f; do if [ -e "$f" ]; then return 0; fi; done; return 1; }

# libclang.so or libclang-14.so.1, but not libclang-cpp.so: another library.
# Its own stddef.h must be there too: without it bindgen fails on the first
# #include, and Debian packs it apart from the library.
have_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then # a folder or the file; set by hand, so trust its headers
        any "$LIBCLANG_PATH"/libclang.so* "$LIBCLANG_PATH"/libclang-[0-9]*.so* || [ -f "$LIBCLANG_PATH" ]
        return
    fi
    for d in /usr/lib/llvm-*/lib /usr/lib64 /usr/lib; do
        if any "$d"/libclang.so* "$d"/libclang-[0-9]*.so* && any "$d"/clang/*/include/stddef.h
        then return 0; fi
    done
    return 1
}

have_cc() { have cc && echo '#include <stdio.h>' | cc -fsyntax-only -xc - 2>/dev/null; }

# Python and Node are often installed another way than by packages.
have_package() {
    case $1 in
        python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
        nodejs) have node ;;
        *) have "$1" || dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$' ;;
    esac
}

if ! have cargo; then
    say "cargo not found: install Rust with rustup, and put ~/.cargo/bin on the PATH"
    exit 1
fi
if [ -n "${LIBCLANG_PATH:-}" ] && ! have_libclang; then
    say "LIBCLANG_PATH=$LIBCLANG_PATH holds no libclang.so: correct it, or unset it"
    exit 1
fi

need=
if ! have redis-server || ! have redis-cli; then need="$need redis-server"; fi
if ! have_libclang; then need="$need libclang-dev"; fi
if ! have_cc; then need="$need gcc libc6-dev"; fi
for p; do if ! have_package "$p"; then need="$need $p"; fi; done
need=${need# }
[ -n "$need" ] || exit 0

if ! have apt-get; then
    say "missing (by Debian's names): $need; install them with this system's own package manager"
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif have sudo && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    say "missing: $need; type: sudo apt-get update && sudo apt-get install -y --no-install-recommends $need"
    exit 1
fi

# Installing redis-server would also start it, on port 6379, which is the port
# that `make run` wants. policy-rc.d is Debian's way to say no; one that is
# there already is the administrator's own, and is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$root rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
fi

say "installing: $need"
# A third-party source that is down must not matter: install has the last word.
$root apt-get update -qq || say "apt-get update failed in part; going on with the lists there are"
# $need is a list of words. Standard output is left to our caller, get.sh.
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 $need >&2 || {
    say "apt-get could not install: $need; its own messages above say why"
    exit 1
}
if [ -d /run/systemd/system ]; then
    case " $need " in *" redis-server "*)
        say "redis-server was not started; to keep it so after a reboot: sudo systemctl disable redis-server" ;;
    esac
fi
