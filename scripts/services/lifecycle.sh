# Sourced by the services: one process each, known by a pid file and by `mark`, a word of its command line, so that a pid that
# the system gave to another process since is never taken for ours. They set `name` and `mark` before using it.
services_dir=${SERVICES_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/matyan-services}
mkdir -p "$services_dir"

# The reason why this machine cannot have the service; callers skip what needs it.
cannot() { echo "$1" >&2; exit 3; }

need() { command -v "$1" >/dev/null 2>&1 || cannot "$2 ($1) is not installed"; }

fail() { echo "$name does not start:" >&2; tail -n 20 "$1" >&2; exit 1; }

pid_file() { echo "$services_dir/$name.pid"; }

is_running() {
  local pid
  pid=$(cat "$(pid_file)" 2>/dev/null) || return 1
  [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$mark"
}

# Two tests that start a service at the same time get the same one.
with_lock() {
  exec 9>"$services_dir/$name.lock"
  flock 9
  "$@"
}

# In a session of its own: it outlives whoever started it, and gets none of its signals.
launch() {
  setsid nohup "$@" >"$services_dir/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$(pid_file)"
}

# Waits up to two minutes until something listens.
await_port() {
  for _ in $(seq 1 1200); do
    # On a busy machine it may take a while until the new process is the program.
    is_running || { sleep 3; is_running || fail "$services_dir/$name.log"; }
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.1
  done
  fail "$services_dir/$name.log"
}

stop() {
  is_running || { rm -f "$(pid_file)"; return 0; }
  local pid
  pid=$(cat "$(pid_file)")
  kill "$pid"
  for _ in $(seq 1 150); do is_running || break; sleep 0.1; done
  is_running && kill -9 "$pid"
  while is_running; do sleep 0.1; done
  rm -f "$(pid_file)"
}
