# Starts servers for the scripts beside this file, and ends what it started. Sourced, not run.
#
#   source "$(dirname "${BASH_SOURCE[0]}")/servers.sh"
#   quintlock=$(quintlock_binary)                    # QUINTLOCK_BIN, or a release build of this tree; with
#                                                    # REAL_REDIS=1 the redis-server of the path
#   port=$(free_port)
#   start_server "$port" "$quintlock" --port "$port"  # waits until it accepts; its pid is in STARTED_PID
#   stop_server "$STARTED_PID"
#
# A server runs in $SCRATCH/PORT, which is gone when the script ends; its log is $SCRATCH/PORT.log. Every server
# that still runs at the end is stopped, whatever ended the script. Needs bash, python3 and, to build, cargo.

readonly READY_SECONDS=10
SCRATCH=$(mktemp -d)
declare -A RUNNING=()
STARTED_PID=

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 2
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "needs $program on the path"
    done
}

# Prints the absolute path of the binary under test, which is built unless QUINTLOCK_BIN names one.
quintlock_binary() {
    local root binary=${QUINTLOCK_BIN:-}
    if [[ ${REAL_REDIS:-} == 1 ]]; then
        command -v redis-server || fail "REAL_REDIS=1 needs redis-server on the path"
        return
    fi
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    if [[ -z $binary ]]; then
        (cd "$root" && cargo build --release --locked --quiet --bin quintlock) || fail "the release build failed"
        binary=${CARGO_TARGET_DIR:-$root/target}/release/quintlock
    fi
    binary=$(realpath -s "$binary")
    [[ -x $binary ]] || fail "no program at $binary (build it, or set QUINTLOCK_BIN)"
    echo "$binary"
}

# Prints a port of 127.0.0.1 that nothing listens on.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

is_accepting() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Starts the command that follows the port, in a directory of its own, and waits until it accepts on the port.
start_server() {
    local port=$1 log=$SCRATCH/$1.log deadline=$((SECONDS + READY_SECONDS))
    shift
    mkdir -p "$SCRATCH/$port"
    (cd "$SCRATCH/$port" && exec "$@" </dev/null >"$log" 2>&1) &
    STARTED_PID=$!
    RUNNING[$STARTED_PID]=1
    until is_accepting "$port"; do
        if ! kill -0 "$STARTED_PID" 2>/dev/null || ((SECONDS >= deadline)); then
            cat "$log" >&2
            fail "no server on port $port: $*"
        fi
        sleep 0.05
    done
}

stop_server() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    unset "RUNNING[$1]"
}

stop_servers() {
    local pid
    for pid in "${!RUNNING[@]}"; do
        stop_server "$pid"
    done
    rm -rf "$SCRATCH"
}

trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
