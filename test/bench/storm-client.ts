// A thousand machines that are switched on in the same second: `node storm-client.ts COUNT RELAY SERVER`. Each has its MAC and, for TFTP and
// HTTP, the address it was given, which this machine must have. Prints the journeys as one line of JSON.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { ask, type Grant, readGrant } from "./storm-dhcp.ts";
import { type Booting, boot, type Journeys, stormMachines } from "./storm-machine.ts";
import { fetchByTftp } from "./storm-tftp.ts";

const [count = "0", relay = "", server = ""] = process.argv.slice(2);
const dhcpPort = 67;
// RFC 2131 §4.1: 4, 8 and 16 seconds, give or take one.
const waitsMs = [4_000, 8_000, 16_000];
const httpTimeoutMs = 30_000;

const now = () => performance.now();

/** Who waits for an answer to which transaction. */
const waiting = new Map<number, (grant: Grant) => void>();
let lastXid = 1;

async function openRelay(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 8 * 1024 * 1024 });
  socket.on("message", (datagram) => {
    const grant = readGrant(datagram);
    if (grant !== undefined) waiting.get(grant.xid)?.(grant);
  });
  const listening = once(socket, "listening");
  socket.bind(dhcpPort, relay);
  await listening;
  return socket;
}

/** Sends until there is an answer of that type; rejects when the last wait is over. */
async function exchange(socket: Socket, datagram: Buffer, type: Grant["type"]): Promise<Grant> {
  const xid = datagram.readUInt32BE(4);
  const answer = new Promise<Grant>((resolve) => {
    waiting.set(xid, (grant) => grant.type === type && resolve(grant));
  });
  try {
    for (const waitMs of waitsMs) {
      socket.send(datagram, dhcpPort, server);
      const late = new AbortController();
      const found = await Promise.race([
        answer,
        pause(waitMs + Math.random() * 2_000 - 1_000, undefined, { signal: late.signal }).catch(
          () => undefined,
        ),
      ]);
      late.abort();
      if (found !== undefined) return found;
    }
    throw new Error(`no ${type}`);
  } finally {
    waiting.delete(xid);
  }
}

async function lease(
  socket: Socket,
  mac: string,
  program: "firmware" | "ipxe",
): Promise<Booting & { readonly address: string }> {
  const who = { mac, program, relay, xid: lastXid++ };
  const offer = await exchange(socket, ask({ ...who, type: "DISCOVER" }), "OFFER");
  const { address, serverId } = offer;
  const request = ask({ ...who, type: "REQUEST", address, serverId });
  return await exchange(socket, request, "ACK");
}

function fetchByHttp(agent: Agent, address: string, url: string, range?: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = range === undefined ? {} : { range };
    const options = { agent, headers, localAddress: address, timeout: httpTimeoutMs };
    const request = get(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status === 200 || status === 206) resolve(Buffer.concat(parts));
        else reject(new Error(`${url}: ${status}`));
      });
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", reject);
  });
}

async function machine(socket: Socket, mac: string) {
  // As iPXE: one connection after the other.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let address = "";
  const journey = await boot(mac, {
    lease: async (program) => {
      const given = await lease(socket, mac, program);
      address = given.address;
      return given;
    },
    fetchByTftp: (from, file) => fetchByTftp(address, from, file),
    fetchByHttp: (url, range) => fetchByHttp(agent, address, url, range),
    now,
  });
  agent.destroy();
  return journey;
}

const socket = await openRelay();
const startedMs = now();
const before = process.cpuUsage();
const journeys = await Promise.all(
  stormMachines(Number(count)).map(({ mac }) => machine(socket, mac)),
);
socket.close();
const { user, system } = process.cpuUsage(before);
const found: Journeys = {
  journeys: journeys.map((journey) => ({ ...journey, endedMs: journey.endedMs - startedMs })),
  clientCpuSeconds: (user + system) / 1e6,
};
process.stdout.write(`${JSON.stringify(found)}\n`);
