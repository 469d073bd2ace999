// A client of the operating system that is to see no file of this machine's that would tell who it is.

/**
 * A script for `unshare --mount sh -c SCRIPT DIRECTORY COMMAND…`: the command sees a made-up machine id and empty state
 * folders; a file `lan.network` in the directory is systemd-networkd's configuration.
 */
export const ownIdentity = `set -e
# ip netns exec has mounted a sysfs of the namespace's own; read-only it tells systemd that there is no udev.
mount -o remount,ro /sys
echo 0123456789abcdef0123456789abcdef >"$0/machine-id"
mount --bind "$0/machine-id" /etc/machine-id
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /run/systemd/network
[ ! -e "$0/lan.network" ] || cp "$0/lan.network" /run/systemd/network
exec "$@"`;
