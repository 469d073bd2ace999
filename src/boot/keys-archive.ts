// The second initrd of the installer: who may log in to it, and the SSH host key that it has for this one install, as a
// gzip'd cpio archive that the kernel unpacks over the first. The NixOS installer images take both from ssh/ in the root
// of their initrd, so no image is built for a site's keys, and the installer is known from its first packet.

import { gzipSync } from "node:zlib";
import type { HostKey } from "../install/host-key.ts";

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly data: Buffer;
}

const publicKey =
  /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+(?: [^\r\n]*)?$/;

/**
 * The archive for an authorized_keys text and, where host keys are pinned, the installer's; the same input gives the
 * same octets. Throws when a line is no public key: an installer without one cannot be reached.
 */
export function keysArchive(authorizedKeys: string, hostKey: HostKey | undefined): Buffer {
  const lines = authorizedKeys.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new Error("authorized_keys has no key");
  const index = keys.findIndex((line) => !publicKey.test(line));
  if (index >= 0) throw new Error(`authorized_keys: key ${index + 1} is no SSH public key`);
  const data = Buffer.from(`${keys.join("\n")}\n`);
  return gzipSync(
    cpio([
      { name: "ssh", mode: 0o040755, data: Buffer.alloc(0) },
      { name: "ssh/authorized_keys", mode: 0o100600, data },
      ...(hostKey === undefined ? [] : hostKeyEntries(hostKey)),
      // The images' unit copies ssh keys and *.json with one command, which fails when no .json is there.
      { name: "rackstrap.json", mode: 0o100644, data: Buffer.from("{}\n") },
    ]),
  );
}

function hostKeyEntries({ privateKey, publicKey }: HostKey): Entry[] {
  const name = "ssh/ssh_host_ed25519_key";
  return [
    { name, mode: 0o100600, data: Buffer.from(privateKey) },
    { name: `${name}.pub`, mode: 0o100644, data: Buffer.from(publicKey) },
  ];
}

// The "newc" format (cpio(5)), one entry after the other:
//
//  +--------+----------------------------------------+----------+--------+
//  | 070701 | 13 numbers of 8 hexadecimal digits     | name NUL | data   |
//  +--------+----------------------------------------+----------+--------+
//             ino mode uid gid nlink mtime filesize
//             devmajor devminor rdevmajor rdevminor namesize check
//
// Name and data are each filled up with NULs to a multiple of 4 octets from the entry's start.
function cpio(entries: readonly Entry[]): Buffer {
  const trailer = { name: "TRAILER!!!", mode: 0, data: Buffer.alloc(0) };
  return Buffer.concat([...entries, trailer].flatMap((entry, index) => encodeEntry(entry, index)));
}

function encodeEntry({ name, mode, data }: Entry, index: number): Buffer[] {
  const links = (mode & 0o170000) === 0o040000 ? 2 : 1;
  const namesize = Buffer.byteLength(name) + 1;
  const numbers = [index + 1, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, namesize, 0];
  const hex = numbers.map((value) => value.toString(16).padStart(8, "0")).join("");
  const head = Buffer.from(`070701${hex}${name}\0`, "latin1");
  return [head, padding(head.length), data, padding(data.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
