#!/bin/sh
# Brings a fresh Debian 12 machine with git, Node and npm to where the demo, the tests or the benchmarks can run.
#   sh vm-harness/setup.sh demo|test|e2e|bench
# Installs npm packages and the Debian packages below where they are missing, starts no service, and says
# nothing when there is nothing to do. What it can't do ends with one sentence and exit code 1.
set -eu

# The virtual rack. One line per package: name, and what it is for.
rack_packages='
cpio             second initrd with the SSH keys
curl             requests to the cluster, as an operator makes them
iproute2         namespace, bridges, taps
ipmitool         commands to the BMCs
ipxe             boot loaders
jq               node configurations, read by the stand-in for nixos-anywhere
kmod             module index of the images
openipmi         ipmi_sim, the BMCs
openssh-client   the way into the installer
ovmf             UEFI firmware
qemu-system-x86  machines
radvd            router of the provisioning network
zstd             compressed images
'
# What only the tests use: independent clients and servers to hold against the product's own.
test_packages='
ansible-core     ansible-inventory, which reads the generated one
atftp            TFTP client with options
bind9-utils      named-checkzone, which reads the generated zones
bsdutils         script, a terminal for serial consoles
busybox          TFTP client of small systems
chrony           NTP server
dhcpcd-base      dhcpcd
dnsmasq-base     a second DHCP server on the wire
etcd-client      etcdctl, which judges snapshots and answers of the etcd driver
etcd-server      etcd, a cluster with another API
faketime         a server whose clock is set
freeipmi-tools   ipmi-power and its kin
grub-common      grub-script-check, the parser of GRUB
iperf3           what goes over a link, as the verification measures it
iputils-ping     ping, as the check uses it
isc-dhcp-client  dhclient
isc-dhcp-relay   dhcrelay
kea-admin        perfdhcp
mount            losetup, a disk to be named
nftables         nft, the parser of firewall rules, and rules for tests
nix-bin          nix-instantiate, the parser and evaluator of NixOS configurations
openssh-server   installer to be identified
openssl          checks of the certificates
python3          hands sockets over, as systemd does
python3-pyghmi   fakebmc, a BMC of other people
python3-sushy    Redfish client of OpenStack
redfishtool      Redfish client of DMTF
strace           durability and I/O errors of the lease file
systemd          systemd-networkd, run by the tests alone; systemd-analyze
tcpdump          what the firmware sends
tftp-hpa         TFTP client without options
tshark           decoder of what the DHCP server sends
udhcpc           the DHCP client of small systems
util-linux       lsblk, unshare
xz-utils         archives of images
'
# What only the long end-to-end tests use besides.
e2e_packages='
qemu-efi-aarch64  UEFI firmware of arm64
qemu-system-arm   machines of arm64
'
# What only the benchmarks use: the servers to be measured beside the product's own, and the client.
bench_packages='
dnsmasq-base      dnsmasq
iproute2          namespaces and the wire between them
ipmitool          client of BMCs
kea-admin         perfdhcp
kea-dhcp4-server  Kea
nginx-light       nginx
strace            counts waits for the disk
tftpd-hpa         TFTP server
'

fail() {
  echo "setup: $*" >&2
  exit 1
}

case ${1-} in
demo) packages=$rack_packages ;;
test) packages=$rack_packages$test_packages ;;
e2e) packages=$rack_packages$test_packages$e2e_packages ;;
bench) packages=$bench_packages ;;
*) fail "usage: sh vm-harness/setup.sh demo|test|e2e|bench" ;;
esac
cd "$(dirname "$0")/.."

[ "$(uname -s)" = Linux ] || fail "the virtual rack needs Linux: use a Debian 12 machine"
[ "$(id -u)" = 0 ] || fail "the virtual rack makes network namespaces and installs packages: run it again as root"
command -v apt-get >/dev/null ||
  fail "the virtual rack is made of Debian's packages and this system has no apt-get: use Debian 12"
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
[ "$release" = bookworm ] ||
  fail "the images are made of Debian 12 (bookworm) packages and this is ${release:-another release}: use Debian 12"
[ "$(dpkg --print-architecture)" = amd64 ] ||
  fail "the virtual rack emulates x86-64 machines and is tried on amd64 only, this is $(dpkg --print-architecture): use an amd64 machine"
for program in node npm; do
  command -v "$program" >/dev/null || fail "$program is missing: install Node 20 or newer, with npm"
done
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 20 ] || fail "node is version $major and 20 is the oldest that can install the rest: install a newer one"
# The benchmarks have no machines, and so no taps.
[ "$1" = bench ] || [ -c /dev/net/tun ] ||
  fail "/dev/net/tun is missing: run modprobe tun, or give this container the device and the right to use it"

log=$(mktemp)
policy=
cleanup() {
  rm -f "$log"
  if [ -n "$policy" ]; then rm -f "$policy"; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a command without its chatter; when it fails, its last lines are what a person needs.
quietly() {
  if "$@" >"$log" 2>&1 </dev/null; then return 0; fi
  tail -n 15 "$log" >&2
  return 1
}

# Node 24 is the npm package node: whatever node runs npm, the project's own scripts run on 24. Its binary
# comes with a package script, the only one that is allowed to run.
stamp=node_modules/.setup-done
if [ ! -x node_modules/.bin/node ] || [ ! -e "$stamp" ] || [ -n "$(find package-lock.json -newer "$stamp")" ]; then
  echo "setup: installing npm packages"
  quietly npm install --no-audit --no-fund --fetch-timeout=60000 ||
    fail "npm install failed (last lines above): check the connection to the npm registry and run it again"
  quietly npm rebuild --ignore-scripts=false node ||
    fail "npm could not fetch Node 24 (last lines above): check the connection to the npm registry and run it again"
  touch "$stamp"
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { print $2 }')
missing=
for package in $(echo "$packages" | awk '{ print $1 }'); do
  echo "$installed" | grep -qxF "$package" || missing="$missing $package"
done
# The images are made of packages that are downloaded, not installed, so apt's lists must be there as well.
lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' 2>/dev/null | head -n 1)
if [ -n "$missing" ] || [ -z "$lists" ]; then
  echo "setup: reading Debian's package lists"
  quietly apt-get update ||
    fail "apt-get update failed (last lines above): check the network and /etc/apt/sources.list, and run it again"
fi
[ -n "$missing" ] || exit 0

echo "setup: installing Debian packages:$missing"
# Several of these packages start a service when installed; Debian's way to prevent it is this program
# (Policy 9.11.3, invoke-rc.d). A machine that has one already keeps its own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  policy=/usr/sbin/policy-rc.d
  printf '#!/bin/sh\n# Written by rackstrap setup.sh while it installs packages.\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# shellcheck disable=SC2086 # one word per package
quietly env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing ||
  fail "apt-get could not install them (last lines above): repair with apt-get -f install, and run it again"
