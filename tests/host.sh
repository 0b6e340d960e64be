# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the checks have in common on the machine that runs them; each sources this
# first. They print TAP, and keep their files in $dir.

set -euo pipefail
shopt -s inherit_errexit

unset MAKEFLAGS MAKEOVERRIDES MFLAGS # of the make that called
PATH=$PATH:/usr/sbin:/sbin # modinfo and depmod, for a user who is not root
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tests=$top/tests
vm=$top/scripts/vm
prepare=$top/scripts/prepare
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# shellcheck source=tests/tap.sh
. "$tests/tap.sh"

# One more function for a guest: zpci_device UID DEVICE
zpci_device() {
	extra+=(--qemu -device --qemu "zpci,uid=0x$1,fid=0x1$1,target=d$1"
		--qemu -device --qemu "$2,id=d$1")
}

# Functions that can be made to fail, and that refuse an operand across a page
strict=(--qemu -global --qemu ism.x-faults=on
	--qemu -global --qemu ism.strict-operand=on)

# A kernel that looks for mistakes of its own takes its time, and races take two
guest() { # KERNEL VM-ARGUMENT...
	case $1 in
	debug-*) "$vm" --kernel "$1" --timeout 3600 "${@:2}" ;;
	kcsan-*) "$vm" --kernel "$1" --timeout 3600 --smp 2 "${@:2}" ;;
	*) "$vm" --kernel "$@" ;;
	esac
}
