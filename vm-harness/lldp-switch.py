#!/usr/bin/env python3
"""Says on an interface, once a second, what a switch says of its port (IEEE 802.1AB): python3 lldp-switch.py TAP SYSTEM PORT VLAN"""

import socket
import struct
import sys
import time


def tlv(kind, value):
    return struct.pack(">H", kind << 9 | len(value)) + value


def frame(mac, system, port, vlan):
    return b"".join(
        [
            bytes.fromhex("0180c200000e") + mac + b"\x88\xcc",
            tlv(1, b"\x04" + mac),
            tlv(2, b"\x05" + port.encode()),
            tlv(3, struct.pack(">H", 120)),
            tlv(4, b"to the rack"),
            tlv(5, system.encode()),
            tlv(127, b"\x00\x80\xc2\x01" + struct.pack(">H", vlan)),
            tlv(0, b""),
        ]
    )


interface, system, port, vlan = sys.argv[1:]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
    wire.bind((interface, 0))
    data = frame(bytes.fromhex("001122334455"), system, port, int(vlan))
    while True:
        wire.send(data.ljust(60, b"\0"))
        time.sleep(1)
