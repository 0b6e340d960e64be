#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: limits.sh SECONDS SEED
#
# All ISM functions that there are at once; 64 processes that write to one of
# them; and who pays for it

# shellcheck source=tools/tests/tap.sh
. ./tap.sh
# shellcheck source=tools/tests/soak/account.sh
. ./account.sh

deadline=$(($(seconds) + $1))
seed=$2
functions=$(functions)
count=$(echo "$functions" | wc -l)
a=$(echo "$functions" | head -n 1)
b=$(echo "$functions" | sed -n 2p)
processes=64
cgroup=/sys/fs/cgroup/soak

# shellcheck disable=SC2086 # a list of words
bound() { bind $functions && equal "$count" "$(caches)"; }

caches() { find /sys/kernel/slab -maxdepth 1 -name 'ism_sb_fid_*' | wc -l; }

# shellcheck disable=SC2086
all_at_once() { ./many $functions && did operations "$count"; }

# What the device has of blocks, used or kept at hand, in bytes
blocks() {
	fid=$(cat "/sys/bus/pci/devices/$1/function_id")
	awk -v name="$(printf 'ism_sb_fid_%08x' "$fid")" '
		$1 == name { print $3 * $4; found = 1 }
		END { exit !found }' /proc/slabinfo
}

storm() {
	while :; do
		rm -f ended
		{ ./storm "$a" "$b" $processes 500 "$seed" >storm.out; echo $? >ended; } &
		most=0
		until [ -s ended ]; do
			now=$(blocks "$a") || return
			[ "$now" -le "$most" ] || most=$now
			sleep 0.2
		done
		equal 0 "$(cat ended)" || return
		did operations "$(awk '$1 == "operations" { print $2 }' storm.out)"
		did survived "$(awk '$1 == "refused" { print $2 }' storm.out)"
		echo "$most" >>most
		seed=$((seed + 1))
		[ "$(seconds)" -lt $deadline ] || return 0
	done
}

# Twice as many as there can be processes in a write, for blocks come in slabs
few_blocks() {
	[ "$(sort -n most | tail -n 1)" -le $((2 * processes * 4096)) ]
}

# KASAN keeps what was freed for a while, up to a part of all memory
has_quarantine() { grep -q ' kasan_quarantine_put$' /proc/kallsyms; }

charged() {
	mkdir -p $cgroup
	./charged "$a" $cgroup 512 "$@" >charged.out
	code=$?
	rmdir $cgroup
	return $code
}

# "Memory cgroup out of memory" is the limit's; without a cgroup it is the kernel's
over_the_limit() {
	charged $((256 << 10)) && did faults 1 && did survived 1 &&
		! dmesg | grep 'Out of memory: '
}

# shellcheck disable=SC2086
given_back() {
	unbind $functions && caches_are_gone && modprobe -r ism-vfio-pci
}

finds() {
	wrong "$1" && bind "$a" && ! charged && unbind "$a"
}

mkdir -p /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup &&
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control || exit 1

tap "$count functions can be bound at once" bound
tap 'all of them are open at once, and each stores into the memory of the next one' \
	all_at_once
tap "in a storm of $processes processes on one function each gets its bytes and its errors" \
	storm
echo "# at most $(sort -n most | tail -n 1) bytes of blocks while it lasted"
has_quarantine ||
	tap 'the storm takes no more memory than its processes account for' few_blocks
tap 'blocks are charged to the cgroup of the writer, and given back' charged
sed 's/^/# /' charged.out
tap 'a writer over the limit of its cgroup is refused or killed, and nobody else notices' \
	over_the_limit
sed 's/^/# /' charged.out
tap 'the function is as good as before' all_at_once
tap 'all functions can be given back, and nothing of them is left' given_back
tap 'a driver whose blocks nobody pays for is found' finds nobody-pays
account
tap_end
