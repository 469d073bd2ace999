// Two network namespaces joined by one wire: the server's, and that of a relay with many machines behind it.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { ip, removeNamespaces } from "../host.ts";

const run = promisify(execFile);

export const serverDevice = "rsf-s0";
const serverSpace = "rsf-server";
const clientSpace = "rsf-client";
const serverAddress = "10.77.0.1";
export const relayAddress = "10.77.0.2";

export async function createNetwork(): Promise<void> {
  await removeNetwork();
  const commands = [
    `netns add ${serverSpace}`,
    `netns add ${clientSpace}`,
    `-n ${serverSpace} link add ${serverDevice} type veth peer name rsf-c0 netns ${clientSpace}`,
    `-n ${serverSpace} addr add ${serverAddress}/16 dev ${serverDevice}`,
    `-n ${clientSpace} addr add ${relayAddress}/16 dev rsf-c0`,
    `-n ${serverSpace} link set lo up`,
    `-n ${serverSpace} link set ${serverDevice} up`,
    `-n ${clientSpace} link set rsf-c0 up`,
  ];
  await ip(...commands);
}

export async function removeNetwork(): Promise<void> {
  await removeNamespaces(serverSpace, clientSpace);
}

/** argv of a command inside the server's namespace; the process id stays that of the spawned one. */
export function inServerSpace(argv: readonly string[]): string[] {
  return ["ip", "netns", "exec", serverSpace, ...argv];
}

/** The body and status of the server's /health, as a machine sees them. */
export async function health(): Promise<{ readonly status: number; readonly body: string }> {
  const argv = ["netns", "exec", clientSpace, "curl", "-s", "-m", "5", "-w", "\n%{http_code}"];
  const { stdout } = await run("ip", [...argv, `http://${serverAddress}:8080/health`]);
  const [body = "", status] = stdout.split("\n");
  return { status: Number(status), body };
}

/** What a machine gets from the server by TFTP. */
export async function fetchByTftp(name: string): Promise<string> {
  const argv = ["netns", "exec", clientSpace, "curl", "-sS", "-m", "5"];
  return (await run("ip", [...argv, `tftp://${serverAddress}/${name}`])).stdout;
}

export interface Relay {
  send(datagram: Buffer): void;
  /** Who hears the answers from now on, alone. */
  onDatagram(hear: (datagram: Buffer) => void): void;
  close(): Promise<void>;
}

export async function openRelay(): Promise<Relay> {
  const script = join(import.meta.dirname, "relay-process.ts");
  const child: ChildProcess = spawn(
    "ip",
    ["netns", "exec", clientSpace, process.execPath, script, relayAddress, serverAddress],
    { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" },
  );
  await once(child, "message");
  let hear = (_datagram: Buffer) => {};
  child.on("message", (message) => hear(Buffer.from(message as unknown as Uint8Array)));
  return {
    send: (datagram) => void child.send(datagram),
    onDatagram(listener) {
      hear = listener;
    },
    async close() {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}
