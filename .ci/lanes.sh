# How steps are run: one after another in the main lane, whose output is shown as it comes; and beside it, in a lane of
# their own, those that have a target directory of their own (cargo locks one) and whose time says nothing. Most of the
# building keeps one core busy. What a step beside prints is shown whole, between two steps of the main lane.
#
# Needs $scratch, $SKIPPED. Every step is a process group of its own, the lane beside is another: at the end of the
# script, however it ends, nothing of them stays.

passed=0 failed=0 skipped=0 table=""
main=0                                   # the process of the main lane's step, 0 where none runs
lane=0                                   # the process of the lane beside
beside_names=() beside_commands=()       # its steps
beside_shown=0                           # how many of them are in the table

# cpu_so_far: sets $cpu to the seconds of CPU time of this shell's processes that have ended.
cpu_so_far() {
    times >"$scratch/times" # not in a subshell, which has processes of its own
    cpu=$(awk 'NR == 2 {
        gsub("s", "")
        for (i = 1; i <= NF; i++) {
            split($i, t, "m")
            sum += 60 * t[1] + t[2]
        }
        print sum
    }' "$scratch/times")
}

# attempt "heading" command...: runs the command by itself; sets $verdict and $took, its seconds and those of CPU time.
attempt() {
    local name=$1 start=$EPOCHREALTIME status=0 cpu before
    shift
    cpu_so_far
    before=$cpu
    printf '\n=== %s\n' "$name"
    set -m
    (
        set +m
        trap - EXIT INT TERM HUP
        set -euo pipefail
        "$@"
    ) </dev/null &
    main=$!
    set +m
    wait "$main" || status=$?
    main=0
    case $status in
    0) verdict=passed ;;
    "$SKIPPED") verdict=skipped ;;
    *) verdict=FAILED ;;
    esac
    cpu_so_far
    took=$(awk -v s="$start" -v e="$EPOCHREALTIME" -v b="$before" -v c="$cpu" \
        'BEGIN { printf "%7.1f s %7.1f s CPU", e - s, c - b }')
    printf -- '--- %s after %s: %s\n' "$verdict" "$took" "$name"
}

# note "heading" verdict took: a line of the table.
note() {
    case $2 in
    passed) passed=$((passed + 1)) ;;
    skipped) skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)) ;;
    esac
    table+=$(printf '%25s  %-7s  %s' "$3" "$2" "$1")$'\n'
}

# step "heading" command...: runs a step in the main lane.
step() {
    attempt "$@"
    note "$1" "$verdict" "$took"
    show_beside
}

# beside "heading" command...: a step for the other lane, in the order of these calls.
beside() {
    beside_names+=("$1")
    shift
    beside_commands+=("$(printf '%q ' "$@")")
}

start_beside() {
    mkdir "$scratch/beside"
    set -m
    run_beside </dev/null &
    lane=$!
    set +m
}

run_beside() {
    set +m
    trap 'kill_group "$main"' EXIT
    trap 'exit 143' INT TERM HUP
    local i results=$scratch/beside words
    scratch=$results/scratch # no file is shared with the other lane
    mkdir "$scratch"
    for i in "${!beside_names[@]}"; do
        eval "words=(${beside_commands[i]})"
        attempt "${beside_names[i]} (beside)" "${words[@]}" >"$results/$i.output" 2>&1
        echo "$verdict $took" >"$results/$i.part"
        mv "$results/$i.part" "$results/$i.verdict"
    done
}

# Shows the steps beside that have ended since the last call.
show_beside() {
    local verdict took
    while [ -f "$scratch/beside/$beside_shown.verdict" ]; do
        read -r verdict took <"$scratch/beside/$beside_shown.verdict"
        cat "$scratch/beside/$beside_shown.output"
        note "${beside_names[beside_shown]} (beside)" "$verdict" "$took"
        beside_shown=$((beside_shown + 1))
    done
}

# Waits for the lane beside. A step without a verdict has failed.
finish_beside() {
    local running=yes
    while [ "$running" = yes ]; do
        kill -0 "$lane" 2>/dev/null || running=no
        show_beside
        [ "$running" = no ] || sleep 1
    done
    wait "$lane" || true
    lane=0
    while [ "$beside_shown" -lt ${#beside_names[@]} ]; do
        cat "$scratch/beside/$beside_shown.output" 2>/dev/null || true
        printf 'error: the lane beside ended before this step: %s\n' "${beside_names[beside_shown]}" >&2
        note "${beside_names[beside_shown]} (beside)" FAILED "not ended"
        beside_shown=$((beside_shown + 1))
    done
}

# kill_group PROCESS: ends what is left of its group; 0 is none.
kill_group() {
    [ "$1" -ne 0 ] || return 0
    kill -TERM -- "-$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# Prints the table; the status is that of the whole run.
summary() {
    printf '\n=== summary (%s s)\n%s\n' "$SECONDS" "$table"
    local line="$passed passed, $failed failed"
    [ "$skipped" -eq 0 ] || line+=", $skipped skipped"
    echo "$line"
    [ "$failed" -eq 0 ]
}

# For EXIT, INT, TERM and HUP: nothing goes on, and nothing is left in $scratch.
clean_up() {
    kill_group "$main"
    kill_group "$lane"
    rm -rf "$scratch"
}
