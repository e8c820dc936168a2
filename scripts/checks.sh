# Checks that are counted, for the scripts beside this file. Sourced, not run.
#
#   source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
#   prints "a lock is set" OK redis-cli SET lock:1 holder NX
#   summarise redis-tools      # `redis-tools: N passed, N failed`; fails unless something passed and nothing failed
#
# A line for each check: `ok`, `FAIL` with what was expected and what came, or `skip` with the reason, which is counted
# as neither. Needs bash.

passed=0
failed=0

pass() {
    passed=$((passed + 1))
    echo "ok   $1"
}

miss() {
    failed=$((failed + 1))
    echo "FAIL $1"
    shift
    printf '       %s\n' "$@"
}

skip() {
    echo "skip $1"
}

# Checks that the command that follows prints exactly $2, on standard output and error together.
prints() {
    local name=$1 expected=$2 actual
    shift 2
    actual=$("$@" 2>&1)
    if [[ $actual == "$expected" ]]; then pass "$name"; else miss "$name" "expected ${expected@Q}" "got      ${actual@Q}"; fi
}

# Checks that what the command that follows prints matches the extended regular expression $2.
prints_like() {
    local name=$1 pattern=$2 actual
    shift 2
    actual=$("$@" 2>&1)
    if [[ $actual =~ $pattern ]]; then pass "$name"; else miss "$name" "expected like ${pattern@Q}" "got ${actual@Q}"; fi
}

# Checks that the command that follows ends with the exit code $2 and prints what matches $3.
ends_with() {
    local name=$1 code=$2 pattern=$3 actual ended=0
    shift 3
    actual=$("$@" 2>&1) || ended=$?
    if [[ $ended == "$code" && $actual =~ $pattern ]]; then
        pass "$name"
    else
        miss "$name" "expected exit code $code and like ${pattern@Q}" "got exit code $ended and ${actual@Q}"
    fi
}

# Repeats a command until it prints $2, for at most $1 seconds.
until_prints() {
    local give_up_at=$((SECONDS + $1)) expected=$2
    shift 2
    until [[ $("$@") == "$expected" ]] || ((SECONDS >= give_up_at)); do sleep 0.05; done
}

# A run that passed nothing has failed.
summarise() {
    echo "$1: $passed passed, $failed failed"
    [[ $failed == 0 && $passed -gt 0 ]]
}
