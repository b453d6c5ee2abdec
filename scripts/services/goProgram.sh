# Sourced by services written in Go: `go_program NAME MODULE VERSION` builds one once, and leaves its path in $program.
go_program() {
  program=$services_dir/bin/$1-$3
  [ -x "$program" ] && return
  need go "Go"
  local built
  built=$(mktemp -d "$services_dir/build-XXXXXX")
  GOBIN=$built go install "$2@$3" >"$services_dir/$1-build.log" 2>&1 ||
    { rm -rf "$built"; cannot "Go can't get $1 $3: $(tail -n 1 "$services_dir/$1-build.log")"; }
  mkdir -p "$services_dir/bin"
  mv "$built/$1" "$program"
  rm -rf "$built"
}
