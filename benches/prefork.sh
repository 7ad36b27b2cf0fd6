#!/usr/bin/env bash
# Compares the server of `examples/prefork` with nginx: a file of 1 KiB over connections that are kept, on loopback,
# in short runs that take turns. Prints a table; takes four minutes. By default:
#
#     RUN_SECONDS=4 ROUNDS=5 CONNECTIONS=32 benches/prefork.sh
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${RUN_SECONDS:-4} rounds=${ROUNDS:-5} connections=${CONNECTIONS:-32}
for program in wrk nginx; do
    if ! command -v $program >/dev/null; then
        echo "no $program: apt-get install --no-install-recommends wrk nginx-light" >&2
        exit 1
    fi
done
cargo build --quiet --release --example prefork

place=$(mktemp -d) master= load=
stop() {
    for process in $load $master; do
        kill "$process" 2>/dev/null && wait "$process" || true
    done
    master= load=
}
trap 'stop; rm -r "$place"' EXIT
mkdir "$place/root"
head -c 1024 /dev/zero | tr '\0' x >"$place/root/file"
cat >"$place/figures.lua" <<'END'
-- Requests a second, and the 99th percentile in milliseconds.
function done(summary, latency)
    assert(summary.errors.status == 0 and summary.bytes > 1024 * summary.requests, "wrong answers")
    io.write(string.format("= %.0f %.2f\n", summary.requests / summary.duration * 1e6, latency:percentile(99) / 1e3))
end
END

# Start a server with so many workers; `url` is the file's.
aquifer() {
    "${CARGO_TARGET_DIR:-target}/release/examples/prefork" --root "$place/root" --workers "$1" --no-limit >"$place/url" &
    master=$!
    until [ -s "$place/url" ]; do sleep 0.05; done
    url=$(cat "$place/url")file
}
nginx_with() { # sendfile on or off
    local address=127.0.0.1:$((20000 + RANDOM % 10000))
    url=http://$address/file
    cat >"$place/nginx.conf" <<END
user $(id -un) $(id -gn); daemon off; worker_processes $2; pid $place/pid; error_log $place/error crit;
events { worker_connections 1024; }
http {
    access_log off; open_file_cache max=1000; open_file_cache_valid 60s; sendfile $1; keepalive_requests 1000000000;
    server { listen $address; root $place/root; }
}
END
    nginx -c "$place/nginx.conf" -e "$place/error" &
    master=$!
    until [ -s "$place/pid" ]; do sleep 0.05; done
}
nginx_copying() { nginx_with off "$1"; }
nginx_sendfile() { nginx_with on "$1"; }

# Loads a server, and kills a worker every second if it is said so. The figures are added to a file of its case.
measure() { # server, workers, whether to kill
    rm -f "$place/url" "$place/pid"
    "$1" "$2"
    wrk -t1 -c"$connections" -d"${seconds}s" -s "$place/figures.lua" "$url" >"$place/wrk" &
    load=$!
    for ((second = 1; $3 && second < seconds; second++)); do
        sleep 1
        kill -9 "$(pgrep -P "$master" | shuf -n 1)"
    done
    wait $load
    load=
    sed -n 's/^= //p' "$place/wrk" >>"$place/$1-$2-$3"
    stop
}

cases=("1 0" "2 0" "2 1") servers=(aquifer nginx_copying nginx_sendfile)
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
for ((round = 0; round < rounds; round++)); do
    for of in "${cases[@]}"; do
        for server in "${servers[@]}"; do measure "$server" $of; done
    done
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)" >&2

median() { sort -g | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'; }
# Of each round: what part of the faster nginx's requests it answers.
ratios() { paste -d' ' "${servers[@]/%/-$1}" | awk '{ printf "%.2f\n", $1 / ($3 > $5 ? $3 : $5) }' | sort -g; }
names=("one worker" "two workers" "two workers, one killed every second")
echo "| | aquifer | p99 | nginx | p99 | nginx, \`sendfile\` | p99 | ratio to the faster |"
echo "|---|---|---|---|---|---|---|---|"
cd "$place"
for index in "${!cases[@]}"; do
    of=${cases[index]/ /-} row="| ${names[index]}"
    for server in "${servers[@]}"; do
        row+=" | $(cut -d' ' -f1 "$server-$of" | median) | $(cut -d' ' -f2 "$server-$of" | median) ms"
    done
    echo "$row | $(ratios "$of" | median) ($(ratios "$of" | head -1) to $(ratios "$of" | tail -1)) |"
done
