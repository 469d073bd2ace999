#!/bin/sh
# Builds the read-only discovery image from Debian packages: OUT/bzImage, OUT/initrd and OUT/cmdline, one asset set.
#   sh build.sh --out DIR [--cache DIR] [--kernel PACKAGE] [--package NAME]...
# Needs no root. Packages are only unpacked: no script of theirs runs, and this machine's own packages stay as they are.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=
cache=
kernel=linux-image-amd64
more=

fail() {
  echo "build-discovery: $*" >&2
  exit 1
}

say() {
  echo "build-discovery: $*" >&2
}

while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in
  --out) out=$2 ;;
  --cache) cache=$2 ;;
  --kernel) kernel=$2 ;;
  --package) more="$more $2" ;;
  *) fail "$1 is no option: use --out, --cache, --kernel, --package" ;;
  esac
  shift 2
done
[ -n "$out" ] || fail "usage: sh build.sh --out DIR [--cache DIR] [--kernel PACKAGE] [--package NAME]..."
for program in apt-get dpkg-deb depmod cpio zstd; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null ||
    fail "$program is missing: install apt, dpkg, kmod, cpio and zstd, on Debian 12"
done
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$out"
out=$(cd "$out" && pwd)
cache=${cache:-$out/packages}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# An empty status file makes apt resolve for an empty system instead of for this machine.
apt() {
  apt-get -oDir::State::status=/dev/null -oDir::Cache::archives=/nonexistent \
    -oAPT::Install-Recommends=0 -oAPT::Sandbox::User=root "$@"
}

wanted="$kernel busybox-static ipmitool kmod python3-minimal libpython3.11-stdlib udev util-linux$more"
# What only configures a package on a living system, or serves that.
unneeded='^(adduser|apt|coreutils|debconf|dpkg|gcc-12-base|init-system-helpers|initramfs-tools.*|klibc-utils|libdb5\.3|libgdbm.*|libklibc|libpam.*|libperl.*|linux-base|media-types|passwd|perl.*|readline-common|tar|usrmerge)_'

# shellcheck disable=SC2086 # one word per package
apt --print-uris -y install $wanted >"$work/uris" 2>"$work/apt.log" ||
  fail "apt can't resolve $wanted: $(tail -n 1 "$work/apt.log"); run apt-get update, on Debian 12"
sed -n "s/^'[^']*' \([^ ]*\.deb\) .*/\1/p" "$work/uris" | grep -Ev "$unneeded" >"$work/files"

inputs=$(cat "$work/files" "$here/build.sh" "$here/init" "$here/udhcpc.script" "$here/discover.py" "$here/read-only.rules" | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$out/inputs.sha256" 2>/dev/null)" = "$inputs" ]; then
  say "up to date in $out"
  exit 0
fi

missing=
while read -r file; do
  [ -e "$cache/$file" ] || missing="$missing ${file%%_*}"
done <"$work/files"
if [ -n "$missing" ]; then
  say "downloading Debian packages"
  # shellcheck disable=SC2086
  (cd "$cache" && apt download $missing) >"$work/apt.log" 2>&1 ||
    fail "a download failed: $(tail -n 1 "$work/apt.log")"
fi

say "unpacking"
stage=$work/stage
for name in bin sbin lib lib64; do
  mkdir -p "$stage/usr/$name"
  ln -s "usr/$name" "$stage/$name"
done
while read -r file; do
  dpkg-deb --fsys-tarfile "$cache/$file" | tar --keep-directory-symlink --no-same-owner -x -C "$stage" \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./boot/System.map*'
done <"$work/files"

tree=$work/tree
for name in bin sbin lib lib64; do
  mkdir -p "$tree/usr/$name"
  ln -s "usr/$name" "$tree/$name"
done
mkdir -p "$tree/dev" "$tree/etc/udev/rules.d" "$tree/proc" "$tree/run" "$tree/sys" "$tree/tmp" "$tree/var"

loader=$stage/usr/lib64/ld-linux-x86-64.so.2
libraries=$stage/usr/lib/x86_64-linux-gnu
mkdir -p "$tree/usr/lib/x86_64-linux-gnu"
# With its name in the tree, and every library that it loads.
copy_program() {
  mkdir -p "$tree/$(dirname "$1")"
  cp -L "$stage/$1" "$tree/$1"
  "$loader" --library-path "$libraries" --list "$stage/$1" >"$work/libraries" 2>/dev/null || return 0
  ! grep -q 'not found' "$work/libraries" || fail "$1 needs $(grep 'not found' "$work/libraries"), which no package brings"
  sed -n 's/.* => \([^ ]*\) .*/\1/p' "$work/libraries" | while read -r library; do
    case $library in "$stage"/*) cp -L "$library" "$tree/usr/lib/x86_64-linux-gnu/" ;; esac
  done
}

cp -L "$loader" "$tree/usr/lib64/"
for program in usr/bin/python3.11 usr/bin/udevadm usr/bin/kmod usr/sbin/blockdev usr/bin/ipmitool; do
  copy_program "$program"
done
for helper in ata_id scsi_id cdrom_id dmi_memory_id; do copy_program "usr/lib/udev/$helper"; done
cp "$stage/usr/bin/busybox" "$tree/usr/bin/"
ln -s ../bin/udevadm "$tree/usr/lib/systemd-udevd"
for name in modprobe insmod depmod; do ln -s ../bin/kmod "$tree/usr/sbin/$name"; done

# Rules that name disks and load drivers. None that puts together arrays or volumes is among Debian's own of udev.
mkdir -p "$tree/usr/lib/udev/rules.d"
for rule in 50-firmware 50-udev-default 60-block 60-persistent-storage 75-net-description 80-drivers; do
  cp "$stage/usr/lib/udev/rules.d/$rule.rules" "$tree/usr/lib/udev/rules.d/"
done
cp "$here/read-only.rules" "$tree/etc/udev/rules.d/00-read-only.rules"

# Python's library without what a program of sockets and files never loads.
python=usr/lib/python3.11
mkdir -p "$tree/$python"
(cd "$stage/$python" && tar -c --exclude=__pycache__ --exclude=./test --exclude=./idlelib --exclude=./lib2to3 \
  --exclude=./pydoc_data --exclude=./ensurepip --exclude=./distutils --exclude=./tkinter --exclude=./unittest \
  --exclude=./asyncio --exclude=./multiprocessing --exclude=./xml --exclude=./sqlite3 --exclude=./wsgiref \
  --exclude=./turtle.py --exclude='./config-*' --exclude='*_codecs_*' --exclude='*_test*' --exclude='*_ssl.*' \
  --exclude='*_sqlite3.*' --exclude='*_decimal.*' --exclude='*_pydecimal*' --exclude='*_curses*' .) | tar -x -C "$tree/$python"
for module in "$stage/$python"/lib-dynload/_socket* "$stage/$python"/lib-dynload/_json* "$stage/$python"/lib-dynload/fcntl*; do
  if [ -e "$module" ]; then copy_program "${module#"$stage/"}"; fi
done

# Drivers of network cards, disks and BMCs. No file system, no md, no device mapper: nothing could be mounted.
release=$(ls "$stage/usr/lib/modules")
depmod -b "$stage" "$release"
modules=$stage/usr/lib/modules/$release
(
  cd "$modules"
  for folder in drivers/net/ethernet drivers/net/phy drivers/net/mdio drivers/net/hyperv drivers/net/vmxnet3 drivers/scsi drivers/ata \
    drivers/nvme/host drivers/message/fusion drivers/char/ipmi drivers/virtio drivers/hv drivers/usb/storage drivers/usb/host drivers/infiniband/core; do
    find "kernel/$folder" -name '*.ko' 2>/dev/null || true
  done
  for name in virtio_net virtio_blk virtio_scsi virtio_rng xen-blkfront xen-netfront net_failover failover efivarfs af_packet sd_mod; do
    find kernel -name "$name.ko"
  done
) | sort -u >"$work/chosen"
# Each with what it needs: modules.dep has a line "module: needed needed" for each.
awk -F ': *' 'NR == FNR { needs[$1] = $2; next }
  { print $1; n = split(needs[$1], others, " "); for (i = 1; i <= n; i++) print others[i] }' \
  "$modules/modules.dep" "$work/chosen" | sort -u >"$work/closure"
! grep -E 'kernel/(fs/(ext|xfs|btrfs|f2fs|jfs|reiserfs|ntfs)|drivers/md/)' "$work/closure" >"$work/refused" ||
  fail "the drivers would bring a file system or an array: $(head -n 1 "$work/refused")"
mkdir -p "$tree/usr/lib/modules/$release"
(cd "$modules" && tar -c -T "$work/closure" modules.builtin modules.builtin.modinfo modules.order) | tar -x -C "$tree/usr/lib/modules/$release"
depmod -b "$tree" "$release"
if [ -d "$stage/usr/lib/firmware" ]; then cp -r "$stage/usr/lib/firmware" "$tree/usr/lib/"; fi

cp "$here/init" "$here/discover.py" "$tree/"
cp "$here/udhcpc.script" "$tree/etc/"
chmod 755 "$tree/init" "$tree/etc/udhcpc.script"
echo 'root:x:0:0::/:/bin/busybox' >"$tree/etc/passwd"
printf '%s\n' root:x:0: tty:x:5: disk:x:6: lp:x:7: kmem:x:15: dialout:x:20: cdrom:x:24: tape:x:26: audio:x:29: video:x:44: \
  input:x:101: sgx:x:102: kvm:x:103: render:x:104: >"$tree/etc/group"

say "packing"
(cd "$tree" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) | zstd -q -T0 -15 -f -o "$work/initrd"
rm -f "$out/inputs.sha256"
cp "$stage/boot/vmlinuz-$release" "$out/bzImage"
mv "$work/initrd" "$out/initrd"
echo 'init=/init net.ifnames=0 raid=noautodetect panic=60 console=tty0 console=ttyS0,115200 loglevel=4' >"$out/cmdline"
echo "$inputs" >"$out/inputs.sha256"
say "done: $out"
