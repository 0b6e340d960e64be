# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For tests/soak/*: a guest whose machine the guest itself drives. QEMU is
# the client of its own monitor: what it is told through QMP comes from the
# virtio port "qmp", so that a test unplugs a function, or has it fail, at the
# moment that it means.

soak_dir=$(mktemp -d)
trap 'rm -rf "$soak_dir"' EXIT

# soak_guest PART KERNEL SECONDS [SEED [OPTION-OF-VM...]]: the program of that
# name, with three functions
soak_guest() {
	local top part=$1 kernel=$2 seconds=$3 seed=${4:-$((RANDOM * 32768 + RANDOM))}
	local programs socket=$soak_dir/qmp

	top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	"$top/scripts/prepare" packages
	programs=$("$top/scripts/prepare" tests)
	echo "# did: seed $seed"
	# how long the first round takes depends on the host
	# shellcheck disable=SC2016 # for the shell there
	"$top/scripts/vm" --kernel "$kernel" --ism 3 --smp 2 "${@:5}" \
		--timeout $((seconds * 2 + 3000)) --add "$programs/$part" \
		--qemu -chardev --qemu "socket,id=monitor,path=$socket,server=on,wait=off" \
		--qemu -mon --qemu chardev=monitor,mode=control \
		--qemu -chardev --qemu "socket,id=qmp,path=$socket" \
		--qemu -device --qemu virtserialport,chardev=qmp,name=qmp,nr=4 -- \
		env SOAK_SECONDS="$seconds" SOAK_SEED="$seed" \
		sh -c 'ism-vfio bind 0011:00:00.0 0012:00:00.0 0013:00:00.0 >&2 && exec "$0"' \
		"./$part"
}
