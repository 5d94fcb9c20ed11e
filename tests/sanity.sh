#!/usr/bin/env bash
# ansible-test sanity on a copy of the checkout, in the ansible_collections tree that it insists on.
# Its own pip bootstrap comes from a host that a closed network may not reach, so pip is put in place from the
# interpreter's bundled copy and the configured index.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VIRTUAL_ENV:-$PWD/.venv}
export PATH="$venv/bin:$PATH"
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
home=$PWD/.cache/sanity
tree=$home/ansible_collections/dfr/golive
rm -rf "$tree"
mkdir -p "$tree" "$home/.ansible/test/cache"
cat >"$home/.ansible/test/cache/get_pip_24_2.py" <<'PY'
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"])
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "pip==24.2"])
PY
git ls-files -co --exclude-standard -z -- plugins meta galaxy.yml README.md tests/sanity roles playbooks |
    { while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done; } |
    tar --create --null --files-from=- | tar --extract --directory "$tree"
cd "$tree"
# A repository of its own: ansible-test asks git which files count, and the checkout ignores .cache.
git init --quiet && git add --all
HOME=$home ansible-test sanity --python "$version" --color no "$@"
