#!/usr/bin/env bash
# Every test, in the order in which a mistake is cheapest to find. Each step must really run something: a runner that
# finds nothing exits 0 here and there, so the counts are asserted.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
steps=0
passed=0

count() { # log: adds what pytest says it passed; a log without such a line is a test that never ran
    local tests
    tests=$(grep -oE '[0-9]+ passed' "$1" | tail -n 1 | cut -d ' ' -f 1)
    [ "${tests:-0}" -gt 0 ] || { echo "$1: no test passed here" >&2; exit 1; }
    passed=$((passed + tests))
}

# What needs no lab goes on beside the stories that need it longest, and leaves them the processor.
declare -A beside
begin() { # group: a function of steps
    { renice --priority 10 --pid $BASHPID >/dev/null; "$1"; } >"artifacts/beside-$1.log" 2>&1 &
    beside[$1]=$!
}

finish() { # group: waits for it, shows its steps, or what it ended with
    wait "${beside[$1]}" || { tail -n 150 "artifacts/beside-$1.log"; exit 1; }
    grep '^==>' "artifacts/beside-$1.log"
    steps=$((steps + $(grep -cE '^==> .*: [0-9]+ s$' "artifacts/beside-$1.log")))
}

checks() {
    step sanity tests/sanity.sh
    step unit tested unit tests/unit
    step 'documentation, every warning an error' make --no-print-directory docs
    step 'pages in a browser' browser
}

servers() { # one after the other: a third at once would slow down the story
    tail --pid="${beside[checks]}" --follow /dev/null
    step 'faults planted where no lab is needed' tested sandbox tests/integration -m sandbox
}

browser() {
    tests/pages/setup.sh
    tested pages tests/pages
}

tested() { # name, what pytest is to be given
    pytest -q "${@:2}" | tee "artifacts/$1.log"
}

step() { # name, command...
    local name=$1 begun=$SECONDS
    shift
    printf '\n==> %s\n' "$name"
    "$@"
    steps=$((steps + 1))
    printf '==> %s: %d s\n' "$name" $((SECONDS - begun))
}

story() { # scenario: converge and verify, each of which must have played something
    local log=artifacts/molecule-$1.log
    rm -f artifacts/story-*.log
    if ! molecule test --scenario-name "$1" --destroy never >"$log" 2>&1; then
        tail -n 150 "$log"
        # The names at the very end: of a long output that is what people are shown first.
        [ "$1" != faults ] || grep -A 1 '^failed' artifacts/played-lab.log
        exit 1
    fi
    if ! grep -q 'PLAY RECAP' "$log" || ! grep -q 'The judge looks' "$log"; then
        echo "story $1: nothing was played or nobody judged; see the scenario's test_sequence" >&2
        exit 1
    fi
    grep -oE '[0-9]+ passed.* in [0-9].*' "$log" || { echo "story $1: no judge found anything good" >&2; exit 1; }
    count "$log"
}

campaign() { # each case begins with a picture of the lab, and the lab is left as it was found
    python tests/chaos/run.py --fast
    passed=$((passed + $(python -c 'import json; print(json.load(open("artifacts/chaos.json"))["cases"])')))
}

rehearsal() {
    PYTHONPATH=tests/stories tested rehearsal tests/rehearsal
    count artifacts/rehearsal.log
    ansible-playbook molecule/default/destroy.yml -e @molecule/default/vars/rehearsal.yml
}

fresh_lab() {
    molecule destroy --scenario-name default
    molecule create --scenario-name default
}

mkdir -p artifacts
step lint make --no-print-directory lint
step 'a fresh lab' fresh_lab
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
begin checks
begin servers
step 'story: faults planted for each gate' story faults
finish checks
count artifacts/unit.log
count artifacts/pages.log
step 'a fresh lab' fresh_lab
step 'story: rollback from each phase' story rollback
step 'story: stop after each phase and resume' story resume
finish servers
count artifacts/sandbox.log
step 'a fresh lab' fresh_lab
step 'faults: killed on the way, and what came of it' campaign
step 'a rehearsal on a clone, and its way back' rehearsal
step 'story: the whole go-live' story golive
test -s artifacts/story-golive.log
printf '\n%d steps in %d s\n%d passed, 0 failed\n' "$steps" $((SECONDS - started)) "$passed"
