#!/usr/bin/env bash
# Times other tools on the same files: N small files with content and permissions, created, checked again, and with one of them
# missing. For each tool that is on PATH or in a virtual environment below $PEERS (any bin/ directory up to two levels deep).
#
#   benches/peers.sh [--runs N] [--slow SECONDS] [--counts "N N…"] [TOOL…]
#
# 100, 1,000 and 10,000 files, or --counts "N N…"; a tool that would need more than --slow seconds (120) for one step, going by
# its last one, is left out. What is printed is the median of the runs in seconds; every result is compared with what was declared.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
runs=3 slow=120 counts=(100 1000 10000) tools=()
while [ $# -gt 0 ]; do
    case $1 in
        --runs) runs=$2; shift 2 ;;
        --slow) slow=$2; shift 2 ;;
        --counts) read -r -a counts <<<"$2"; shift 2 ;;
        -*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
        *) tools+=("$1"); shift ;;
    esac
done
[ ${#tools[@]} -gt 0 ] || tools=(homeostat comtrya cfengine salt puppet ansible pyinfra)

for place in ${PEERS:+"$PEERS"/bin "$PEERS"/*/bin}; do
    [ -d "$place" ] && PATH="$PATH:$place"
done
PATH="${CARGO_TARGET_DIR:-$root/target}/release:$PATH"
export PATH

memory=/dev/shm
[ -d "$memory" ] || memory=${TMPDIR:-/tmp}
work=$(mktemp -d "$memory/homeostat-peers-XXXXXX")
trap 'rm -rf "$work"' EXIT

# name N: what file N is called, and what it holds.
name() { printf 'f%05d' "$1"; }

# each N FORMAT: FORMAT for each of N files, with %s for its name, always twice.
each() {
    local count=$1 format=$2
    # shellcheck disable=SC2059
    seq -f 'f%05.0f' 0 $((count - 1)) | while read -r file; do printf "$format" "$file" "$file"; done
}

expected() { each "$1" '%s %s\n' | while read -r file _; do printf 'this is %s\n' "$file" >"$2/$file"; done; }

command_of() {
    case $1 in
        cfengine) echo cf-agent ;;
        salt) echo salt-call ;;
        ansible) echo ansible-playbook ;;
        *) echo "$1" ;;
    esac
}

version_of() {
    case $1 in
        cfengine) cf-agent --version ;;
        ansible) ansible-playbook --version ;;
        salt) salt-call --version ;;
        *) "$1" --version ;;
    esac 2>/dev/null | grep -o '[0-9][0-9a-z.]*[0-9]' | head -n 1 || true
}

# Each writes the declaration of N files in $out; `run_TOOL` then makes it so.
gen_homeostat() {
    { printf 'graph: peers\nresources:\n  file:\n'
      each "$1" "  - name: $out/%s\n    content: \"this is %s\\\\n\"\n    mode: \"0644\"\n"; } >"$here/site.yaml"
}
run_homeostat() { homeostat run --once --prefix "$here/prefix" "$here/site.yaml"; }

gen_comtrya() {
    mkdir -p "$here/site/main/files"
    cp "$here"/expected/* "$here/site/main/files"
    { printf 'actions:\n'
      each "$1" "  - action: file.copy\n    from: %s\n    to: $out/%s\n    chmod: 644\n"; } >"$here/site/main/main.yaml"
}
run_comtrya() { comtrya --no-color -d "$here/site" apply; }

gen_cfengine() {
    { printf 'body common control { bundlesequence => { "main" }; }\nbody perms m644 { mode => "644"; }\n'
      printf 'bundle agent main\n{\n  files:\n'
      each "$1" "    \"$out/%s\" create => \"true\", perms => m644, content => \"this is %s\$(const.n)\";\n"
      printf '}\n'; } >"$here/site.cf"
    chmod 600 "$here/site.cf"
}
# Without its locks, which would let it skip what it looked at less than a minute ago.
run_cfengine() { cf-agent -K -f "$here/site.cf"; }

gen_salt() {
    mkdir -p "$here/conf" "$here/states" "$here/root"
    printf 'file_client: local\nroot_dir: %s\nfile_roots: {base: [%s]}\nlog_file: %s\nstate_verbose: False\nstate_output: terse\n' \
        "$here/root" "$here/states" "$here/root/log" >"$here/conf/minion"
    { printf '#!yaml\n'
      each "$1" "$out/%s:\n  file.managed:\n    - contents: \"this is %s\"\n    - mode: \"0644\"\n"; } >"$here/states/site.sls"
}
run_salt() { salt-call --local --config-dir "$here/conf" --log-level error state.apply site; }

gen_puppet() {
    mkdir -p "$here/conf" "$here/var/state"
    each "$1" "file { '$out/%s': ensure => file, content => \"this is %s\\\\n\", mode => '0644' }\n" >"$here/site.pp"
}
run_puppet() { puppet apply --confdir "$here/conf" --vardir "$here/var" "$here/site.pp"; }

# One task that loops, without gathering facts and with pipelining: its fastest form without plug-ins.
gen_ansible() {
    local dir
    dir=$(dirname "$(command -v ansible-playbook)")
    printf '[defaults]\ngathering = explicit\ninterpreter_python = %s/python3\nretry_files_enabled = False\nlocal_tmp = %s\nremote_tmp = %s\n[connection]\npipelining = True\n' \
        "$dir" "$here/tmp" "$here/tmp" >"$here/ansible.cfg"
    cat >"$here/site.yaml" <<PLAY
- hosts: localhost
  connection: local
  tasks:
    - ansible.builtin.copy:
        content: "this is f{{ '%05d' % item }}\n"
        dest: "$out/f{{ '%05d' % item }}"
        mode: "0644"
      loop: "{{ range($1) | list }}"
PLAY
}
run_ansible() { ANSIBLE_CONFIG="$here/ansible.cfg" ansible-playbook -i localhost, "$here/site.yaml"; }

gen_pyinfra() {
    cat >"$here/site.py" <<DEPLOY
from io import StringIO
from pyinfra.operations import files

for i in range($1):
    name = f"f{i:05d}"
    files.put(name=name, src=StringIO(f"this is {name}\n"), dest=f"$out/{name}", mode="644")
DEPLOY
}
run_pyinfra() { (cd "$here" && pyinfra -y @local site.py); }

# timed TOOL: seconds of one run.
timed() {
    local started=$EPOCHREALTIME ended
    if ! "run_$1" >"$here/log" 2>&1 </dev/null; then
        echo "$1 failed:" >&2
        tail -n 20 "$here/log" >&2
        return 1
    fi
    ended=$EPOCHREALTIME
    if ! diff -r "$here/expected" "$out" >&2 || [ -n "$(find "$out" -type f ! -perm 0644)" ]; then
        echo "$1 made something else than was declared" >&2
        return 1
    fi
    awk -v a="$started" -v b="$ended" 'BEGIN { printf "%.3f\n", b - a }'
}

median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

measure() { # TOOL N
    local tool=$1 count=$2 run
    here=$work/$tool-$count out=$work/$tool-$count/out
    mkdir -p "$here/expected" "$out"
    expected "$count" "$here/expected"
    "gen_$tool" "$count"
    : >"$here/create"; : >"$here/again"; : >"$here/one"
    for run in $(seq "$runs"); do
        rm -rf "$out"; mkdir "$out"
        timed "$tool" >>"$here/create" || return 1
        timed "$tool" >>"$here/again" || return 1
        rm "$out/$(name $((count / 2 + run)))"
        timed "$tool" >>"$here/one" || return 1
    done
    first=$(head -n 1 "$here/create")
    printf '| %s | %s | %s | %s | %s | %s |\n' "$tool" "$(version_of "$tool")" "$count" \
        "$(median <"$here/create")" "$(median <"$here/again")" "$(median <"$here/one")"
    rm -rf "$here"
}

printf '%s cores, Linux %s, %s\n\n' "$(nproc)" "$(uname -r)" "$(stat -f -c %T "$work")"
printf '| tool | version | files | create, s | again, s | one missing, s |\n|---|---|---|---|---|---|\n'
absent=()
for tool in "${tools[@]}"; do
    if ! command -v "$(command_of "$tool")" >/dev/null; then
        absent+=("$tool")
        continue
    fi
    first=0 before=1
    for count in "${counts[@]}"; do
        if awk -v first="$first" -v times="$((count / before))" -v slow="$slow" 'BEGIN { exit !(first * times > slow) }'; then
            printf '| %s | %s | %s | left out | | |\n' "$tool" "$(version_of "$tool")" "$count"
            continue
        fi
        measure "$tool" "$count" || { printf '| %s | | %s | failed | | |\n' "$tool" "$count"; break; }
        before=$count
    done
done
[ ${#absent[@]} -eq 0 ] || printf '\nNot on this machine: %s\n' "${absent[*]}"
