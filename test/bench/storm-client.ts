// A thousand machines that are switched on in the same second: `node storm-client.ts COUNT TIMES RELAY SERVER PID...`, and again when all are done. Each
// has its MAC and, for TFTP and HTTP, the address it was given, which this machine must have. Prints the storms as one line of JSON.

import { setTimeout as pause } from "node:timers/promises";
import { type Ipv4, ipv4ToNumber } from "../../src/net/ipv4.ts";
import { loadLibc } from "../../src/net/libc.ts";
import { threadSecondsOf, usageOf } from "./lab.ts";
import { ask, type Grant, readGrant } from "./storm-dhcp.ts";
import { createHttpClient, type HttpClient } from "./storm-http.ts";
import { openLoop } from "./storm-loop.ts";
import { type Booting, boot, type Storm, stormMachines } from "./storm-machine.ts";
import { createTftpClients } from "./storm-tftp.ts";
import { openStormSocket, type StormSocket } from "./storm-udp.ts";

const [count = "0", times = "1", relayText = "", serverText = "", ...pids] = process.argv.slice(2);
const [relay, server] = [relayText as Ipv4, serverText as Ipv4];
const dhcpPort = 67;
// RFC 2131 §4.1: 4, 8 and 16 seconds, give or take one.
const waitsMs = [4_000, 8_000, 16_000];

// What a server writes behind its answers is written by then.
const calmMs = 6_000;

const now = () => performance.now();
const libc = await loadLibc();
const loop = openLoop();
const wire = { libc, loop, server };

/** Who waits for an answer to which transaction. */
const waiting = new Map<number, (grant: Grant) => void>();
let lastXid = 1;

const relaySocket = openStormSocket(wire, dhcpPort, ({ datagram }) => {
  const grant = readGrant(datagram);
  if (grant !== undefined) waiting.get(grant.xid)?.(grant);
});
const tftp = createTftpClients(loop, (): StormSocket => tftpSocket);
const tftpSocket = openStormSocket(wire, 0, tftp.onArrived);

/** Sends until there is an answer of that type; rejects when the last wait is over. */
function exchange(datagram: Buffer, type: Grant["type"]): Promise<Grant> {
  const xid = datagram.readUInt32BE(4);
  return new Promise<Grant>((resolve, reject) => {
    const send = ([waitMs, ...later]: readonly number[]) => {
      if (waitMs === undefined) {
        reject(new Error(`no ${type}`));
        return;
      }
      relaySocket.send(ipv4ToNumber(relay), dhcpPort, datagram);
      const cancel = loop.alarm(waitMs + Math.random() * 2_000 - 1_000, () => send(later));
      waiting.set(xid, (grant) => {
        if (grant.type !== type) return;
        cancel();
        waiting.delete(xid);
        resolve(grant);
      });
    };
    send(waitsMs);
  });
}

async function lease(
  mac: string,
  program: "firmware" | "ipxe",
): Promise<Booting & { readonly address: Ipv4 }> {
  const who = { mac, program, relay, xid: lastXid++ };
  const offer = await exchange(ask({ ...who, type: "DISCOVER" }), "OFFER");
  const { address, serverId } = offer;
  const ack = await exchange(ask({ ...who, type: "REQUEST", address, serverId }), "ACK");
  return { ...ack, address: ack.address as Ipv4 };
}

async function machine(mac: string) {
  let address: Ipv4 = relay;
  let http: HttpClient | undefined;
  const journey = await boot(mac, {
    lease: async (program) => {
      const given = await lease(mac, program);
      address = given.address;
      return given;
    },
    fetchByTftp: (_server, file) => tftp.fetch(address, file),
    fetchByHttp: (url, range) => {
      http ??= createHttpClient(libc, loop, address);
      return http.fetch(url, range);
    },
    now,
  });
  http?.close();
  return journey;
}

const rack = stormMachines(Number(count));
const readThreads = () => pids.map((pid) => threadSecondsOf(Number(pid)));
const readSeconds = () => [process.pid, ...pids.map(Number)].map((pid) => usageOf(pid).cpuSeconds);

async function storm(): Promise<Storm> {
  const [threadsBefore, secondsBefore] = [readThreads(), readSeconds()];
  const startedMs = now();
  const journeys = await loop.run(Promise.all(rack.map(({ mac }) => machine(mac))));
  const [client = 0, ...servers] = readSeconds().map(
    (seconds, i) => seconds - (secondsBefore[i] ?? 0),
  );
  const threads = readThreads().flatMap((all, i) =>
    Object.entries(all).map(([name, seconds]) => [name, seconds - (threadsBefore[i]?.[name] ?? 0)]),
  );
  return {
    journeys: journeys.map((journey) => ({ ...journey, endedMs: journey.endedMs - startedMs })),
    clientCpuSeconds: client,
    serverCpuSeconds: servers.reduce((sum, seconds) => sum + seconds, 0),
    threadSeconds: Object.fromEntries(threads),
  };
}

const storms: Storm[] = [];
for (let i = 0; i < Number(times); i++) {
  storms.push(await storm());
  await pause(calmMs);
}
process.stdout.write(`${JSON.stringify(storms)}\n`);
