# shellcheck shell=bash disable=SC2034
# What the lab's commands share: which hosts there are, where everything lies, and how a host is started and stopped.
# Sourced, never run.
set -euo pipefail

# Everything that the lab keeps: the image (made once), the keys, and a folder for each host that is up.
LAB=${PINTAIL_LAB:-/var/tmp/pintail-lab}
BRIDGE=pintail-lab
# What is ended by its cgroup must be this lab's: another folder, as in a network namespace of its own, has another.
CGROUP=pintail-lab
[ "$LAB" = /var/tmp/pintail-lab ] || CGROUP=pintail-lab-$(md5sum <<< "$LAB" | cut -c1-8)
OPERATOR=10.77.0.1
# Without one of its own a bridge takes the lowest of its ports', so that each new host would change it, and with it
# the address that all others have in their tables.
BRIDGE_MAC=02:50:69:6e:74:01

ALL=(web1 web2 web3 runit1 daemontools1 db1)
declare -A ADDRESS=([web1]=10.77.0.11 [web2]=10.77.0.12 [web3]=10.77.0.13 [runit1]=10.77.0.21 [daemontools1]=10.77.0.31 [db1]=10.77.0.41)

# Bounds, in seconds. A host is up in 5 to 15 on a machine that does little else.
UP_WITHIN=90
DOWN_WITHIN=20

say() { printf 'lab: %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

must_be_root() {
    [ "$(id -u)" = 0 ] || fail "\`lab/$(basename "$0")\` must be run as root" \
        "it boots whole systems, and makes a bridge and mounts for them"
}

# One command that changes hosts at a time, in this run and in any other. Children that stay must not inherit it: `9>&-`.
take_lock() {
    mkdir -p "$LAB"
    exec 9> "$LAB/lock"
    flock -w 900 9 || fail "another command of the lab has been running for 15 minutes" "lock: $LAB/lock"
}

# Fails unless every argument is a host's name.
check_names() {
    local name
    for name in "$@"; do
        [ -n "${ADDRESS[$name]:-}" ] || fail "the lab has no host \`$name\`" "there are: ${ALL[*]}"
    done
}

# The folder of a host; there from its first start until it is thrown away.
of() { printf '%s/hosts/%s' "$LAB" "$1"; }

# The systemd-nspawn of a host, if it runs.
nspawn_of() {
    local pid
    pid=$(cat "$(of "$1")/pid" 2> /dev/null) || return 1
    # The number may be another process's by now.
    [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = systemd-nspawn ] || return 1
    ps -ww -o args= -p "$pid" | grep -qF -- " --directory=$(of "$1")/root " || return 1
    echo "$pid"
}

# Whether a host is switched on; between two boots it is, though there is no nspawn.
is_up() {
    local pid
    pid=$(cat "$(of "$1")/power" 2> /dev/null) || return 1
    ps -o args= -p "$pid" | grep -qE "/boot $1\$"
}

# The first process of a host, as this machine numbers it. A reboot gives another.
leader_of() {
    local nspawn
    nspawn=$(nspawn_of "$1") || return 1
    # Between two boots there is none, and an early one is still nspawn's own.
    ps -o pid=,comm= --ppid "$nspawn" | awk '$2 == "systemd" { print $1; found = 1 } END { exit !found }'
}

must_be_up() {
    is_up "$1" || fail "host \`$1\` is not up" "\`lab/up $1\` starts it"
}

has_leader() { leader_of "$1" > /dev/null; }

# Runs a command as root in a host, without ssh.
inside() {
    local name=$1 leader
    shift
    # It may be between two boots.
    within 5 has_leader "$name" && leader=$(leader_of "$name") || return 1
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wd -- "$@"
}

# This machine's end of a host's link, as systemd-nspawn names it.
link_of() { printf 'vb-%s' "$1"; }

# Waits until a command succeeds, for at most so many seconds.
within() {
    local seconds=$1 end
    shift
    end=$((SECONDS + seconds))
    until "$@" 9>&-; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# Whether the lab's user gets in by ssh: the host's own systemd lets nobody in before it has started everything.
lets_in() { "$LAB/ssh" -o ConnectTimeout=2 -o BatchMode=yes "$1" true < /dev/null > /dev/null 2>&1; }

# Whether a host has started all that it starts by itself. Asked again and again: `--wait` of systemctl waits for ever
# for an end of the start that it just missed.
has_settled() {
    local state
    state=$(inside "$1" timeout 5 systemctl is-system-running 2> /dev/null || true)
    [[ $state == running || $state == degraded || $state == maintenance ]]
}

# Waits for a host that is starting. What its last life left failed is no business of this one: only a host that was
# just made must have nothing failed.
wait_until_up() {
    local name=$1 failed
    within "$UP_WITHIN" lets_in "$name" || fail "host \`$name\` is not up after $UP_WITHIN s" \
        "its console: $(of "$name")/console" "$(tail -n 5 "$(of "$name")/console" 2> /dev/null)"
    within "$UP_WITHIN" has_settled "$name" || fail "host \`$name\` is still starting after $UP_WITHIN s" \
        "$(inside "$name" systemctl list-jobs 2>&1 || true)"
    [ "${2:-}" = new ] || return 0
    failed=$(inside "$name" systemctl list-units --failed --plain --no-legend 2>&1 || true)
    [ -z "$failed" ] || fail "host \`$name\` has started, and not all of it" "$failed"
}

# ---- cgroups, on a machine where no systemd keeps them

# Two systems in one cgroup would take each other's services for leftovers, so each gets one of its own.
cgroup_roots() {
    [ -d /run/systemd/system ] && return
    local root
    for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        [ -w "$root/cgroup.procs" ] && echo "$root"
    done
    return 0
}

# Ends whatever of a host still runs: its system survives a systemd-nspawn that was killed.
end_leftovers() {
    local root pid
    for root in $(cgroup_roots); do
        [ -d "$root/$CGROUP/$1" ] || continue
        while read -r pid; do
            kill -KILL "$pid" 2> /dev/null || true
        done < <(find "$root/$CGROUP/$1" -name cgroup.procs -exec cat {} + 2> /dev/null)
    done
}

drop_cgroups() {
    local root
    for root in $(cgroup_roots); do
        [ -d "$root/$CGROUP/$1" ] || continue
        find "$root/$CGROUP/$1" -depth -type d -exec rmdir {} + 2> /dev/null || return 1
        rmdir "$root/$CGROUP" 2> /dev/null || true
    done
}

# ---- the disk of a host: the image below, its own changes above

mount_disk() {
    local here image
    here=$(of "$1")
    image=$2
    mkdir -p "$here/root"
    mountpoint -q "$here/root" && return
    [ -e "$here/copied" ] && return
    mkdir -p "$here/upper" "$here/work"
    if ! mount -t overlay -o "lowerdir=$image,upperdir=$here/upper,workdir=$here/work" "lab-$1" "$here/root" 2> /dev/null; then
        # An overlay on an overlay is refused, as in most containers.
        cp -a --reflink=auto "$image/." "$here/root/"
        touch "$here/copied"
    fi
}

drop_disk() {
    local here
    here=$(of "$1")
    if mountpoint -q "$here/root"; then umount "$here/root" || umount -l "$here/root"; fi
    rm -rf --one-file-system "$here"
}

# ---- off

# Ends a host's every process at once, as a power cut does, and waits for the end. What it had not synced stays in this
# machine's memory and so is not lost: only `crash between two writes` is honest here, not `loss of the disk's cache`.
power_off() {
    local name=$1 power nspawn leader
    rm -f "$(of "$name")/on"
    if ! is_up "$name"; then
        clear_away "$name"
        return
    fi
    power=$(cat "$(of "$name")/power")
    # Without its first process the kernel kills all others of it. nspawn sees that and goes.
    if leader=$(leader_of "$name"); then
        kill -KILL "$leader" 2> /dev/null || true
    elif nspawn=$(nspawn_of "$name"); then
        kill -KILL "$nspawn" 2> /dev/null || true
    fi
    if ! within "$DOWN_WITHIN" gone "$power"; then
        nspawn=$(nspawn_of "$name") && kill -KILL "$nspawn" 2> /dev/null
        within "$DOWN_WITHIN" gone "$power" || fail "host \`$name\` does not end" "its console: $(of "$name")/console"
    fi
    clear_away "$name"
}

# Takes away what a host leaves that did not end as it should.
clear_away() {
    end_leftovers "$1"
    ip link delete "$(link_of "$1")" 2> /dev/null || true
    within 5 drop_cgroups "$1" || say "a cgroup of \`$1\` stays"
}

gone() {
    local state
    state=$(ps -o state= -p "$1" 2> /dev/null) || return 0
    [ "${state:0:1}" = Z ]
}
