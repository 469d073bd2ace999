#!/usr/bin/env python3
"""Says what this machine is made of, to the provisioning server alone, and waits.

It reads /sys, /proc and what is heard on the wire; it writes to no disk and takes no order but "wait".
The shape of the report is that of src/nodes/machine-report.ts.
"""

import array
import fcntl
import glob
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
import urllib.parse

LISTEN_SECONDS = 35  # LLDP is sent every 30 s (IEEE 802.1AB §9.2.5.7)
ALIVE_SECONDS = 30
POWER_OFF_SECONDS = 3600
MOST_BYTES = 64 * 1024
MOST_DISKS = 100
MOST_NICS = 32


def text(value, most=128):
    """Printable ASCII on one line, at most `most` characters; None when nothing is left."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    cleaned = re.sub(r"[^\x20-\x7e]+", " ", value or "").strip()[:most].strip()
    return cleaned or None


def exact(value):
    """The text when it is printable and short enough to be told whole: a part of a serial number is another one."""
    cleaned = text(value, 1024)
    return cleaned if cleaned is not None and len(cleaned) <= 128 else None


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(65536)
    except OSError:
        return b""


def number(path):
    try:
        return int(read(path))
    except ValueError:
        return None


def present(**fields):
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


# ── the machine ─────────────────────────────────────────────────────────────


def system():
    dmi = lambda name: text(read("/sys/class/dmi/id/" + name))
    return present(
        vendor=dmi("sys_vendor"),
        product=dmi("product_name"),
        serial=dmi("product_serial"),
        uuid=(dmi("product_uuid") or "").lower() or None,
        biosVersion=dmi("bios_version"),
    )


def cpu(info):
    """`info` is the text of /proc/cpuinfo."""
    threads = [dict(line_pairs(block)) for block in info.strip().split("\n\n") if block.strip()]
    cores = {(each.get("physical id", "0"), each.get("core id", str(index))) for index, each in enumerate(threads)}
    return present(
        model=text(threads[0].get("model name", "")) if threads else None,
        sockets=len({each.get("physical id", "0") for each in threads}),
        cores=len(cores),
        threads=len(threads),
    )


def line_pairs(block):
    for line in block.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def memory_bytes(modules, meminfo):
    """What is installed, by DMI type 17 (SMBIOS §7.18); else what the kernel has. `modules`: the entries' raw bytes."""
    total = 0
    for entry in modules:
        if len(entry) < 0x0E:
            continue
        (size,) = struct.unpack_from("<H", entry, 0x0C)
        if size == 0x7FFF and len(entry) >= 0x20:
            total += (struct.unpack_from("<I", entry, 0x1C)[0] & 0x7FFFFFFF) * 1024**2
        elif size not in (0, 0xFFFF):
            total += (size & 0x7FFF) * (1024 if size & 0x8000 else 1024**2)
    if total > 0:
        return total
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.M)
    return int(found.group(1)) * 1024 if found else 0


def secure_boot():
    value = read("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
    return value[4] == 1 if len(value) == 5 else None


# ── disks ───────────────────────────────────────────────────────────────────


def disks():
    found = []
    for path in sorted(glob.glob("/sys/block/*")):
        name = os.path.basename(path)
        if re.match(r"(loop|ram|zram|sr|fd|dm-|md)", name) or not os.path.exists(path + "/device"):
            continue
        sectors = number(path + "/size")
        if not sectors:
            continue
        found.append(disk(name, path, sectors * 512, udev_properties("/dev/" + name)))
    return found[:MOST_DISKS]


def disk(name, path, size, udev):
    """The same serial, WWN and model that lsblk tells: the inventory's selectors are compared with those."""
    links = [link[len("/dev/disk/by-id/") :] for link in udev.get("DEVLINKS", "").split() if link.startswith("/dev/disk/by-id/")]
    first = lambda *names: next((exact(udev[each]) for each in names if udev.get(each)), None)
    return present(
        name=name,
        byId=[text(link, 256) for link in sorted(links)][:8],
        serial=first("SCSI_IDENT_SERIAL", "ID_SCSI_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL") or exact(read(path + "/device/serial")),
        wwn=first("ID_WWN_WITH_EXTENSION", "ID_WWN"),
        sizeBytes=size,
        model=text(read(path + "/device/model")) or first("ID_MODEL"),
        rotational=number(path + "/queue/rotational") == 1,
        removable=number(path + "/removable") == 1,
        readOnly=number(path + "/ro") == 1,
        transport=transport(name, os.path.realpath(path)),
    )


def transport(name, path):
    if name.startswith("nvme"):
        return "nvme"
    for word, kind in (("/usb", "usb"), ("/virtio", "virtio"), ("/end_device-", "sas"), ("/ata", "sata"), ("/session", "iscsi"), ("/rport-", "fc")):
        if word in path:
            return kind
    return None


def udev_properties(device):
    output = run(["udevadm", "info", "--query=property", "--name=" + device])
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def run(argv, seconds=20):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds, check=False)
        return done.stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""


# ── network cards ───────────────────────────────────────────────────────────


def cards():
    """Names of the cards of this machine. An InfiniBand address is none that a network boot comes from."""
    is_card = lambda path: os.path.exists(path + "/device") and re.fullmatch(rb"([0-9a-f]{2}:){5}[0-9a-f]{2}\n", read(path + "/address"))
    return sorted(os.path.basename(path) for path in glob.glob("/sys/class/net/*") if is_card(path))[:MOST_NICS]


def nic(name, neighbour):
    path = "/sys/class/net/" + name
    speed = number(path + "/speed")
    return present(
        name=text(name, 15),
        mac=text(read(path + "/address")),
        permanentMac=permanent_mac(name),
        driver=text(os.path.basename(os.path.realpath(path + "/device/driver")), 32),
        speedMbps=speed if speed and 0 < speed < 2**31 else None,
        link=number(path + "/carrier") == 1,
        neighbour=neighbour,
    )


def permanent_mac(name):
    """ETHTOOL_GPERMADDR (ethtool.h): the address that the card was made with."""
    request = array.array("B", struct.pack("II32s", 0x20, 32, b""))
    address, _ = request.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            fcntl.ioctl(control, 0x8946, struct.pack("16sP", name.encode(), address))
        except OSError:
            return None
    _, size = struct.unpack_from("II", request)
    octets = bytes(request[8 : 8 + size])
    return octets.hex(":") if size == 6 and any(octets) else None


def listen(name, neighbours, seconds):
    """Puts the LLDP neighbour of a card into `neighbours`. Sends nothing."""
    lldp, add_membership, multicast = 0x88CC, 1, 0
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(lldp)) as wire:
            wire.bind((name, lldp))
            for group in ("0180c200000e", "0180c2000003", "0180c2000000"):
                member = struct.pack("iHH8s", socket.if_nametoindex(name), multicast, 6, bytes.fromhex(group))
                wire.setsockopt(263, add_membership, member)
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                wire.settimeout(left)
                found = parse_lldp(wire.recv(2048))
                if found:
                    neighbours[name] = found
                    return
    except OSError:
        return


def parse_lldp(frame):
    """The neighbour that an LLDP frame names (IEEE 802.1AB §8): type 7 bits, length 9 bits, value; None for anything else."""
    at, found = 14, {}
    if frame[12:14] != b"\x88\xcc":
        return None
    while at + 2 <= len(frame):
        (head,) = struct.unpack_from(">H", frame, at)
        kind, size = head >> 9, head & 0x1FF
        value = frame[at + 2 : at + 2 + size]
        at += 2 + size
        if kind == 0 or len(value) < size:
            break
        if kind in (1, 2) and size > 1:
            found["chassis" if kind == 1 else "port"] = identifier(kind, value)
        elif kind == 4:
            found["portDescription"] = text(value)
        elif kind == 5:
            found["system"] = text(value)
        elif kind == 127 and value[:4] == b"\x00\x80\xc2\x01" and size >= 6:
            vlan = struct.unpack_from(">H", value, 4)[0]
            found["vlan"] = vlan if 1 <= vlan <= 4094 else None
    return present(**found) or None


def identifier(kind, value):
    """A chassis or port id (§8.5.2, §8.5.3): the subtype tells how it is written."""
    is_mac = value[0] == (4 if kind == 1 else 3)
    return value[1:].hex(":")[:128] if is_mac else text(value[1:])


# ── the BMC ─────────────────────────────────────────────────────────────────


def bmc():
    if not glob.glob("/dev/ipmi*"):
        return None
    about = dict(line_pairs(run(["ipmitool", "-I", "open", "mc", "info"])))
    lan = {}
    for channel in ("1", "2", "8"):
        lan = dict(line_pairs(run(["ipmitool", "-I", "open", "lan", "print", channel])))
        if lan.get("IP Address", "0.0.0.0") != "0.0.0.0":
            break
    address, mac = lan.get("IP Address", ""), lan.get("MAC Address", "").lower()
    found = present(
        address=address if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address) and address != "0.0.0.0" else None,
        mac=mac if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", mac) and mac != "00:00:00:00:00:00" else None,
        firmware=text(about.get("Firmware Revision", "")),
    )
    return found or None


# ── the server ──────────────────────────────────────────────────────────────


def report(boot_mac, neighbours, controller):
    tables = [read(path) for path in sorted(glob.glob("/sys/firmware/dmi/entries/17-*/raw"))]
    found = present(
        version=1,
        bootMac=boot_mac,
        system=system(),
        firmware="uefi" if os.path.isdir("/sys/firmware/efi") else "bios",
        secureBoot=secure_boot(),
        cpu=cpu(whole("/proc/cpuinfo")),
        memoryBytes=memory_bytes(tables, whole("/proc/meminfo")),
        disks=disks(),
        nics=[nic(name, neighbours.get(name)) for name in cards()],
        bmc=controller,
    )
    # A shelf of a hundred disks has many names: the shortest of each will do.
    if len(json.dumps(found)) > MOST_BYTES:
        for each in found["disks"]:
            each["byId"] = each["byId"][:1]
    return found


def whole(path):
    """All of a file of /proc, however long."""
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(4 * 1024**2)


def post(url, body):
    """The server's answer as (status, JSON); status 0 when there is none."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=15)
    try:
        connection.request("POST", parts.path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read(65536) or b"{}")
    except (OSError, ValueError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def say(*lines):
    """On every console: an operator stands at the screen, or reads the serial line."""
    for name in (read("/sys/class/tty/console/active").decode().split() or ["console"]):
        try:
            with open("/dev/" + name, "w", encoding="ascii") as console:
                console.write("".join("rackstrap: %s\r\n" % line for line in lines))
        except OSError:
            pass


def argument(name):
    found = re.search(r"(?:^|\s)%s=(\S+)" % re.escape(name), whole("/proc/cmdline"))
    return found.group(1) if found else None


def start_network(boot_mac):
    for name in cards():
        run(["busybox", "ip", "link", "set", "dev", name, "up"])
    matching = [name for name in cards() if (text(read("/sys/class/net/%s/address" % name)) or "") == boot_mac]
    for name in matching or cards():
        # It stays, to renew: a lease of a machine that nobody declared is short.
        subprocess.Popen(["busybox", "udhcpc", "-f", "-R", "-S", "-t", "5", "-A", "10", "-i", name, "-s", "/etc/udhcpc.script"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def send(url, found):
    """Until the server takes it, or says that it never will."""
    for _ in range(60):
        status, answer = post(url, found)
        if status != 0 and status != 429 and status < 500:
            return status, answer
        time.sleep(10 if status == 429 else 3)
    return 0, {}


def wait(base, mac):
    """Tells the server that the machine is still here, and the operator what to do; ends when the time is up."""
    last = None
    while time.monotonic() < POWER_OFF_SECONDS:
        status, answer = post(base + "/alive", {"version": 1, "bootMac": mac})
        node = text(str(answer.get("node", "")), 63)
        now = "accepted as node %s; it is installed with: rackstrap provision %s" % (node, node) if status == 200 and node else "waiting"
        if now != last and now != "waiting":
            say(now)
        last = now
        time.sleep(ALIVE_SECONDS)


def main():
    url, mac = argument("rackstrap.report"), (argument("rackstrap.mac") or "").lower()
    if url is None or not mac:
        say("this image was started without rackstrap.report and rackstrap.mac: it can report to nobody")
        return 1
    say("discovery: this machine is looked at, and nothing is written to it")
    start_network(mac)
    neighbours, controller = {}, bmc()
    listeners = [threading.Thread(target=listen, args=(name, neighbours, LISTEN_SECONDS), daemon=True) for name in cards()]
    for each in listeners:
        each.start()
    first = report(mac, {}, controller)
    status, answer = send(url, first)
    if status != 200:
        say("the server did not take the report (%s %s)" % (status, text(json.dumps(answer)) or ""))
    for each in listeners:
        each.join()
    if neighbours:
        status, answer = send(url, report(mac, neighbours, controller))
    about = first["system"]
    say(
        "%s %s, serial %s" % (about.get("vendor", "?"), about.get("product", "?"), about.get("serial", "?")),
        "MAC %s: %s" % (mac, "reported" if status == 200 else "not reported"),
        "look at it:  rackstrap discovered %s" % mac,
        "accept it:   rackstrap accept %s --as NAME --profile PROFILE" % mac,
        "it waits, and switches itself off an hour after its start",
    )
    wait(url.rsplit("/", 1)[0], mac)
    say("an hour is over: this machine switches itself off")
    run(["busybox", "poweroff", "-f"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
