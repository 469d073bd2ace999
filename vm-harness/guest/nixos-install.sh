# What nixos-install does on the target, for the virtual rack's system: activation files and a boot
# loader. Sent over ssh by the nixos-anywhere stand-in with the node's settings as variables before it.
# shellcheck shell=bash disable=SC2154
set -eu
if [ ! -d /mnt/tmp ]; then mkdir -p /mnt/tmp; chmod 1777 /mnt/tmp; fi
if [ "$copy_host_keys" = y ]; then
  mkdir -p -m 755 /mnt/etc/ssh
  for key in /etc/ssh/ssh_host_*; do
    if [ -e "$key" ] && [ ! -e "/mnt$key" ]; then cp -a "$key" "/mnt$key"; fi
  done
fi

touch /mnt/etc/NIXOS
# The links lead into the node's own root, not the installer's.
mkdir -p "/mnt$toplevel/bin"
cp /mnt/usr/lib/rack/switch-to-configuration "/mnt$toplevel/bin/"
ln -sfn "$linux/bzImage" "/mnt$toplevel/kernel"
ln -sfn "$initrd/initrd" "/mnt$toplevel/initrd"
echo "$generation" > "/mnt$toplevel/generation"
mkdir -p /mnt/nix/var/nix/profiles
ln -sfn "$toplevel" /mnt/nix/var/nix/profiles/system-1-link
ln -sfn system-1-link /mnt/nix/var/nix/profiles/system

echo "installing the boot loader..."
if ! grep -q ' /mnt/boot vfat ' /proc/mounts; then
  echo "efiSysMountPoint = '/boot' is not a mounted partition. Is the path configured correctly?" >&2
  echo "Failed to install bootloader" >&2
  exit 1
fi
options="init=/usr/lib/systemd/systemd root=PARTLABEL=disk-main-root net.ifnames=0 console=tty0 console=ttyS0,115200 loglevel=4 systemd.show_status=true"
boot=/mnt/boot
mkdir -p $boot/EFI/nixos
cp "/mnt$linux/bzImage" $boot/EFI/nixos/bzImage.efi
cp "/mnt$initrd/initrd" $boot/EFI/nixos/initrd.efi
if [ "$secure_boot" = true ]; then
  # GRUB's signed image reads this folder's configuration, whatever it was started from.
  mkdir -p $boot/EFI/BOOT $boot/EFI/debian
  cp /mnt/usr/lib/shim/shimx64.efi.signed $boot/EFI/BOOT/BOOTX64.EFI
  cp /mnt/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed $boot/EFI/BOOT/grubx64.efi
  printf 'linux /EFI/nixos/bzImage.efi %s\ninitrd /EFI/nixos/initrd.efi\nboot\n' "$options" > $boot/EFI/debian/grub.cfg
elif [ "$firmware" = uefi ]; then
  mkdir -p $boot/EFI/BOOT $boot/loader/entries
  cp /mnt/usr/lib/systemd/boot/efi/systemd-bootx64.efi $boot/EFI/BOOT/BOOTX64.EFI
  printf 'timeout 0\ndefault nixos.conf\n' > $boot/loader/loader.conf
  printf 'title NixOS\nlinux /EFI/nixos/bzImage.efi\ninitrd /EFI/nixos/initrd.efi\noptions %s\n' "$options" > $boot/loader/entries/nixos.conf
else
  mkdir -p $boot/extlinux
  /mnt/usr/bin/extlinux --install $boot/extlinux
  printf 'SERIAL 0 115200\nPROMPT 0\nTIMEOUT 1\nDEFAULT nixos\nLABEL nixos\n  LINUX /EFI/nixos/bzImage.efi\n  INITRD /EFI/nixos/initrd.efi\n  APPEND %s\n' "$options" > $boot/extlinux/extlinux.conf
  dd if=/mnt/usr/lib/EXTLINUX/gptmbr.bin of="$disk" bs=440 count=1 conv=notrunc,fsync
fi
if [ "$unbootable" = y ]; then
  dd if=/dev/zero of="$disk" bs=440 count=1 conv=notrunc,fsync
  rm -rf $boot/EFI/BOOT $boot/extlinux/ldlinux.*
fi

echo "setting up /etc..."
[ -s /mnt/etc/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > /mnt/etc/machine-id
echo "$node" > /mnt/etc/hostname
printf '127.0.0.1 localhost\n%s\n' "$hosts" > /mnt/etc/hosts
mkdir -p /mnt/etc/rack
echo "PRODUCTION=$network" > /mnt/etc/rack/network
if [ -n "$root_keys" ]; then
  mkdir -p -m 700 /mnt/root/.ssh
  (umask 077; printf '%s\n' "$root_keys" > /mnt/root/.ssh/authorized_keys)
fi
if [ "$never_joins" = y ]; then
  for unit in chainfire flaredb; do ln -sf /dev/null "/mnt/etc/systemd/system/$unit.service"; done
fi
sync
echo "installation finished!"
