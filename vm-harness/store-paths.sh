# Which store paths a node's system has on the virtual rack: the same for what the nixos-anywhere stand-in installs and what the nix
# stand-in builds. Read by both, with the entry of rack.json as variables.
# shellcheck shell=bash disable=SC2154,SC2034

# What of rack.json's node decides about the paths, as jq's @sh text.
system_fields='system=\(.system) generation=\(.generation // "1") initrd_tag=\(.initrd // "1")'

store_hash() { sha256sum "$@" | cut -c 1-32; }

# store_paths FAULT: sets linux, initrd and toplevel.
store_paths() {
  linux=/nix/store/$(store_hash "$system/bzImage")-linux
  initrd=/nix/store/$({ cat "$system/initrd"; echo "$initrd_tag"; } | store_hash)-initrd-linux
  toplevel=/nix/store/$({ cat "$system/rootfs.tar.zst"; echo "$linux $initrd $node $generation $1"; } | store_hash)-nixos-system-$node-24.11
}
