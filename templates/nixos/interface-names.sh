# Gives network cards their names by MAC, also where cards have to change names with each other. A card in no list that has
# the name of one that is gets the name which that one leaves. A card that is missing is told, and does no harm.
#
# Usage: interface-names.sh NAME=MAC…
set -euo pipefail

declare -A wanted=() present=() final=()
for pair; do wanted[${pair#*=}]=${pair%%=*}; done

# Bonds and VLANs, which have the MAC of a card, are made later than this.
for path in /sys/class/net/*; do
  [ -r "$path/address" ] || continue
  target=${wanted[$(cat "$path/address")]-}
  if [ -n "$target" ] && [ -z "${present[$target]-}" ]; then present[$target]=${path##*/}; fi
done

left=()
for target in "${!present[@]}"; do
  current=${present[$target]}
  [ "$current" != "$target" ] || continue
  final[$current]=$target
  # Nobody else's name: somebody who has to move gets it.
  [ -n "${present[$current]-}" ] || left+=("$current")
done

# Whoever has a name that another one gets, and none of its own.
for target in "${!present[@]}"; do
  [ "${present[$target]}" != "$target" ] && [ -e "/sys/class/net/$target" ] || continue
  [ -z "${final[$target]-}" ] || continue
  final[$target]=${left[0]}
  left=("${left[@]:1}")
done

# First out of the way, then into place.
number=0
declare -A moving=()
for current in "${!final[@]}"; do
  echo "$current becomes ${final[$current]}"
  ip link set dev "$current" down
  ip link set dev "$current" name "moving$number"
  moving[moving$number]=${final[$current]}
  number=$((number + 1))
done
for current in "${!moving[@]}"; do ip link set dev "$current" name "${moving[$current]}"; done

for mac in "${!wanted[@]}"; do
  [ -n "${present[${wanted[$mac]}]-}" ] || echo "no card has the MAC $mac of ${wanted[$mac]}" >&2
done
