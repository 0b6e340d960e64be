#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: streams.sh INTERFACE MIB KILLS
#
# ismctl send and recv in two processes with a function each: MIB mebibytes in
# one stream, and what is left of a transfer when one side is killed in the
# middle of it, KILLS times each

# shellcheck source=tests/tap.sh
. ./tap.sh

a=0011:00:00.0
b=0012:00:00.0
interface=$1
over=--interface=$interface
mib=$2
kills=$3

# field NAME FILE: of a summary in JSON
field() {
	sed -nE "s/.*\"$1\": \"?([^\",}]*).*/\1/p" "$2"
}

interface_is_used() {
	for function in $a $b; do
		ismctl info "$over" "$function" | grep -x "interface: $interface" || return
	done
}

# Three digests: the sender's of what it read, the receiver's of its DMB, and
# one of what came out
stream() {
	ismctl recv "$over" $b --json -o got >recv.out 2>recv.err &
	receiver=$!
	head -c $((mib << 20)) /dev/urandom |
		ismctl send "$over" $a --to $b --json >send.out || return
	wait $receiver || { cat recv.err; return 1; }
	sum=$(sha256sum got | cut -d' ' -f1)
	for side in send recv; do
		equal $((mib << 20)) "$(field bytes $side.out)" &&
			equal identical "$(field verdict $side.out)" &&
			equal "$sum" "$(field sha256 $side.out)" || return
	done
}

small_file() {
	ismctl recv "$over" $b --quiet -o got &
	receiver=$!
	ismctl send "$over" $a --to $b --quiet tap.sh && wait $receiver && cmp tap.sh got
}

# Hundredths of a second since the guest was booted
now() {
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}"
}

# Some part of a second, once the first byte has come out
random_moment() {
	until [ -s started ]; do
		sleep 0.05
	done
	sleep "0.$(printf %03d $(($(od -An -N2 -tu2 /dev/urandom) % 1000)))"
}

# ends PROCESS OUTPUT: within a second, with status 4 and a reason
ends() {
	begin=$(now)
	{ sleep 1; kill -9 "$1"; } 2>/dev/null &
	alarm=$!
	wait "$1"
	ended=$?
	took=$(($(now) - begin))
	kill $alarm
	[ $took -le "$longest" ] || longest=$took
	cat "$2"
	equal 4 $ended && grep -q 'went away' "$2"
}

# killed WHOM
killed() {
	rm -f started
	{ head -c 1 >started; cat >/dev/null; } <pipe &
	ismctl recv "$over" $b --quiet -o pipe 2>recv.out &
	receiver=$!
	ismctl send "$over" $a --to $b --quiet /dev/zero 2>send.out &
	sender=$!
	random_moment
	if [ "$1" = receiver ]; then
		kill -9 $receiver
		ends $sender send.out
	else
		kill -9 $sender
		ends $receiver recv.out
	fi
}

# The figure goes past tap, which shows no output of a test that passed
killed_often() {
	longest=0
	for nr in $(seq "$kills"); do
		echo "the $1 number $nr"
		killed "$1" || return
		small_file || return
	done
	echo "$longest" >"longest-$1"
}

ism-vfio bind $a $b >/dev/null || exit 1
mkfifo pipe
tap "both functions open over the interface $interface" interface_is_used
tap "a stream of $mib MiB arrives without a wrong byte" stream
echo "# $mib MiB in $(field seconds send.out) s, $(field stores send.out) store blocks of $(field store_bytes send.out) bytes in all"
for side in receiver sender; do
	tap "a $side killed at $kills random moments leaves the other with status 4 and a reason, and both functions usable" \
		killed_often $side
	echo "# longest time to notice: $(cat longest-$side) hundredths of a second"
done
tap_end
