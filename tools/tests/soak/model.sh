#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: model.sh SECONDS SEED
#
# Random commands to the device model for so long, and the account of them

# shellcheck source=tools/tests/soak/account.sh
. ./account.sh

deadline=$(($(seconds) + $1))
seed=$2
a=0011:00:00.0
b=0012:00:00.0

bind $a $b || exit
while :; do
	./commands $a $b 5000 "$seed" >commands.out || exit
	while read -r what number; do
		did "$what" "$number"
	done <commands.out
	seed=$((seed + 5000))
	[ "$(seconds)" -lt $deadline ] || break
done
account
