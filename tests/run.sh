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

# What takes longest of the tests that bring servers of their own; the other lane has the rest.
copies=tests/integration/test_replication_faults.py

# Two lanes, each on a lab of its own: while one waits for its servers, the other has the processor.
declare -A lanes
lane() { # a function of steps; in a process group of its own, so that it ends whole
    set -m
    "$1" >"artifacts/lane-$1.log" 2>&1 &
    set +m
    lanes[$1]=$!
}

finish() { # a lane: waits for it, shows its steps, or what it ended with
    wait "${lanes[$1]}" || { tail -n 150 "artifacts/lane-$1.log"; exit 1; }
    grep -E '^==>| passed' "artifacts/lane-$1.log"
    steps=$((steps + $(grep -cE '^==> .*: [0-9]+ s$' "artifacts/lane-$1.log")))
    unset "lanes[$1]"
}

end_lanes() {
    for group in "${lanes[@]}"; do
        kill -- "-$group" 2>/dev/null || true
    done
}

second() { # what needs no lab, the stories on the lab's twin, what brings servers of its own
    step sanity tests/sanity.sh
    step unit tested unit tests/unit
    step 'documentation, every warning an error' make --no-print-directory docs
    step 'pages in a browser' browser
    export STORY_HOME=artifacts/twin
    step 'a twin of the lab' molecule/default/twin.sh
    step 'story: rollback from each phase' story rollback
    step 'story: stop after each phase and resume' story resume
    step 'a twin of the lab' molecule/default/twin.sh
    step 'story: the whole go-live' story golive
    test -s "$STORY_HOME/artifacts/story-golive.log"
    remove @molecule/default/vars/twin.yml
    step 'faults planted where no lab is needed' tested sandbox tests/integration -m sandbox --ignore "$copies"
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
    rm -f "${STORY_HOME:-.}"/artifacts/story-*.log
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
}

campaign() { # each case begins with a picture of the lab, and the lab is left as it was found
    python tests/chaos/run.py --fast
    passed=$((passed + $(python -c 'import json; print(json.load(open("artifacts/chaos.json"))["cases"])')))
}

rehearsal() {
    PYTHONPATH=tests/stories tested rehearsal tests/rehearsal
    remove @molecule/default/vars/rehearsal.yml
}

remove() { # the extra variables that say which lab
    ansible-playbook molecule/default/destroy.yml -e "$1"
}

another_lab() { # the twin stays
    remove lab_found_by=dfr.golive.country=demo
    ansible-playbook molecule/default/create.yml
}

mkdir -p artifacts
step lint make --no-print-directory lint
step 'a fresh lab' make --no-print-directory lab
trap end_lanes EXIT
lane second
step 'story: faults planted for each gate' story faults
step 'a fresh lab' another_lab
step 'faults: killed on the way, and what came of it' campaign
step 'a rehearsal on a clone, and its way back' rehearsal
step 'faults while a copy is made and followed' tested copies "$copies"
finish second
for name in unit pages sandbox copies rehearsal molecule-faults molecule-rollback molecule-resume molecule-golive; do
    count "artifacts/$name.log"
done
printf '\n%d steps in %d s\n%d passed, 0 failed\n' "$steps" $((SECONDS - started)) "$passed"
