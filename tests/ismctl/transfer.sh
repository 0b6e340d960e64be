#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: transfer.sh [auto|group|iommufd]
#
# ismctl send and recv between two functions, in two processes, over this
# interface of vfio

# shellcheck source=tests/tap.sh
. ./tap.sh

a=0011:00:00.0
b=0012:00:00.0
interface=${1:-auto}
over=--interface=$interface
patience=${PATIENCE:-10} # tenths of a second to notice the other's death

interface_is_used() {
	want=$interface
	[ "$want" != auto ] || want=group
	[ "$interface" != auto ] || [ ! -e /dev/iommu ] || want=iommufd
	for function in $a $b; do
		ismctl info "$over" "$function" | grep -x "interface: $want" || return
	done
}

# transfer FILE: to "got", both sides in the background of each other
transfer() {
	rm -f got
	ismctl recv "$over" $b -o got >recv.out 2>&1 &
	receiver=$!
	ismctl send "$over" $a --to $b "$1" || return
	wait $receiver || { cat recv.out; return 1; }
	cmp "$1" got
}

file_of() {
	head -c "$1" /dev/urandom >file
	transfer file
}

pipe() {
	rm -f got
	ismctl recv "$over" $b >got 2>recv.out &
	receiver=$!
	cat file file file | ismctl send "$over" $a --to $b || return
	wait $receiver || { cat recv.out; return 1; }
	cat file file file | cmp - got
}

sender_first() {
	rm -f got
	ismctl send "$over" $a --to $b file >send.out 2>&1 &
	sender=$!
	sleep 0.5
	ismctl recv "$over" $b -o got || return
	wait $sender || { cat send.out; return 1; }
	cmp file got
}

digests() {
	ismctl recv "$over" $b --json -o got >recv.out &
	ismctl send "$over" $a --to $b --json file >send.out || return
	wait $! || return
	sum=$(sha256sum file | cut -d' ' -f1)
	for out in send.out recv.out; do
		grep -q "\"sha256\": \"$sum\".*\"verdict\": \"identical\"" $out ||
			{ cat $out; return 1; }
	done
}

# killed WHOM: the other one ends by itself, with status 4 and a reason
killed() {
	ismctl recv "$over" $b -o /dev/null >recv.out 2>&1 &
	receiver=$!
	ismctl send "$over" $a --to $b /dev/zero >send.out 2>&1 &
	sender=$!
	sleep 1
	if [ "$1" = receiver ]; then
		kill -9 $receiver
		left=$sender out=send.out
	else
		kill -9 $sender
		left=$receiver out=recv.out
	fi
	for _ in $(seq "$patience"); do
		kill -0 $left 2>/dev/null || break
		sleep 0.1
	done
	if kill -0 $left 2>/dev/null; then
		echo "still there $patience tenths of a second later"
		kill -9 $left
		return 1
	fi
	wait $left
	status 4 sh -c "exit $?" && cat $out && grep -q 'went away' $out
}

all_in_one() {
	killed receiver && file_of 5000
}

# ismctl built with sanitizers, which write report.*, and another with a bug
no_reports() {
	! cat report.* 2>/dev/null
}

bug_is_reported() {
	ismctl recv "$over" $b -o /dev/null >recv.out 2>&1 &
	receiver=$!
	! ./ismctl-bad send "$over" $a --to $b /dev/zero && status 4 wait $receiver &&
		grep 'AddressSanitizer: heap-buffer-overflow' report.*
}

ism-vfio bind $a $b >/dev/null || exit 1
tap "both functions open over the interface $interface" interface_is_used
for size in 0 1 4095 4096 4097 1048576 1048577 8000001; do
	tap "a file of $size bytes arrives" file_of $size
done
tap 'a pipe of unknown length arrives' pipe
tap 'the sender may come first' sender_first
tap 'both sides print the SHA-256 of the file' digests
tap 'a killed receiver leaves the sender with an error' killed receiver
tap 'both functions are usable at once after that' file_of 100000
tap 'a killed sender leaves the receiver with an error' killed sender
tap 'both functions are usable at once after that too' file_of 100000
tap 'killed and used again without a pause' all_in_one
tap 'a sender without a receiver gives up with status 3' \
	status 3 ismctl send "$over" $a --to $b --timeout 1 file
tap 'a receiver without a sender gives up with status 3' \
	status 3 ismctl recv "$over" $b --timeout 1 -o got
tap 'a file that cannot be read is named' \
	says 'absent' ismctl send "$over" $a --to $b absent
tap 'a function that is not bound is named' \
	says '0055:00:00.0' ismctl send 0055:00:00.0 --to $b file
if [ -x ismctl-bad ]; then
	tap 'the sanitizers have nothing to report' no_reports
	tap 'they report a bug put into ismctl' bug_is_reported
fi
tap_end
