import { readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { classifySshFailure, pinHostKey, type SshFailureKind } from "../../src/install/ssh.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const noise = "Warning: Permanently added '10.0.100.50' (ED25519) to the list of known hosts.\r\n";

test.each<[string, SshFailureKind]>([
  ["ssh: connect to host 10.0.100.50 port 22: Connection refused", "refused"],
  ["ssh: connect to host 10.0.100.50 port 22: No route to host", "unreachable"],
  ["ssh: connect to host 10.0.100.50 port 22: Network is unreachable", "unreachable"],
  ["kex_exchange_identification: Connection closed by remote host", "unreachable"],
  ["kex_exchange_identification: read: Connection reset by peer", "unreachable"],
  ["ssh: connect to host 10.0.100.50 port 22: Connection timed out", "timeout"],
  ["Connection timed out during banner exchange", "timeout"],
  ["Timeout, server 10.0.100.50 not responding.", "timeout"],
  ["root@10.0.100.50: Permission denied (publickey,password).", "authentication"],
  [
    "Received disconnect from 10.0.100.50 port 22:2: Too many authentication failures",
    "authentication",
  ],
  ["Host key verification failed.", "host-key-changed"],
  [
    "No ED25519 host key is known for 10.0.100.50 and you have requested strict checking.",
    "host-key-changed",
  ],
  ["something nobody has seen yet", "unreachable"],
])("exit 255 with %s", (line, kind) => {
  const stderr = `${noise}${line}\r\n`;
  const failure = classifySshFailure({ exitCode: 255, timedOut: false, stderr });
  expect(failure).toEqual({ kind, said: line });
});

test("any other exit code is the command's, whatever it printed", () => {
  const stderr = "cat: /x: Connection refused";
  expect(classifySshFailure({ exitCode: 1, timedOut: false, stderr })).toEqual({
    kind: "command",
    said: "exit code 1: cat: /x: Connection refused",
  });
});

test("a killed ssh is a timeout", () => {
  expect(classifySshFailure({ exitCode: undefined, timedOut: true, stderr: "" }).kind).toBe(
    "timeout",
  );
});

test("a host key that is pinned already is not written again, and any other takes its place", async () => {
  const knownHostsFile = join(temporaryDirectory(), "known_hosts");
  const host = { address: "10.0.100.50", port: 2222, knownHostsFile };
  await pinHostKey(host, "ssh-ed25519 AAAA installer node01\n");
  const line = "[10.0.100.50]:2222 ssh-ed25519 AAAA\n";
  expect(readFileSync(knownHostsFile, "utf8")).toBe(line);
  const longAgo = new Date(0);
  utimesSync(knownHostsFile, longAgo, longAgo);
  await pinHostKey(host, "ssh-ed25519 AAAA\n");
  expect(statSync(knownHostsFile).mtime).toEqual(longAgo);
  await pinHostKey(host, "ssh-ed25519 BBBB\n");
  expect(readFileSync(knownHostsFile, "utf8")).toBe(line.replace("AAAA", "BBBB"));
});
