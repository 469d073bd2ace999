// One machine of the storm on its way from power-on to its configuration, over whatever carries its packets. Shares no code
// with the server it measures.

export interface StormMachine {
  readonly name: string;
  readonly mac: string;
  readonly address: string;
}

/** At most 250 times 180 of them. */
export function stormMachines(count: number): StormMachine[] {
  return Array.from({ length: count }, (_, i) => {
    const [high, low] = [Math.floor(i / 250), (i % 250) + 1];
    const mac = `02:cc:00:00:${hex(high)}:${hex(low)}`;
    return { name: `node${i}`, mac, address: `10.77.${16 + high}.${low}` };
  });
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

export const stages = [
  "firmware dhcp",
  "loader",
  "ipxe dhcp",
  "script",
  "kernel head",
  "config",
] as const;

export type Stage = (typeof stages)[number];

/** What a DHCP exchange gave. */
export interface Booting {
  readonly bootFile: string;
  readonly server: string;
}

export interface Carriers {
  /** DISCOVER to ACK, as the boot ROM or as iPXE. */
  readonly lease: (program: "firmware" | "ipxe") => Promise<Booting>;
  /** The octets of a file fetched by TFTP. */
  readonly fetchByTftp: (server: string, file: string) => Promise<number>;
  /** The body of a 200 or 206 answer; `range` is a Range header's value. */
  readonly fetchByHttp: (url: string, range?: string) => Promise<Buffer>;
  /** Milliseconds. */
  readonly now: () => number;
}

export interface Journey {
  /** How long each stage took, milliseconds. */
  readonly tookMs: Readonly<Partial<Record<Stage, number>>>;
  /** The stage that failed, and why; undefined when all is well. */
  readonly failure: string | undefined;
  readonly endedMs: number;
}

/** What the machines went through, and the processor time of those who served them and of their own program. */
export interface Storm {
  readonly journeys: readonly Journey[];
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number;
  /** By the names of the server's threads; those of its child processes are not among them. */
  readonly threadSeconds: Readonly<Record<string, number>>;
}

// iPXE reads a kernel's header before it fetches the rest; the rest is a matter of the network's width.
const kernelHead = "bytes=0-65535";

/** Goes through the stages in their order; never rejects. */
export async function boot(mac: string, carriers: Carriers): Promise<Journey> {
  const tookMs: Partial<Record<Stage, number>> = {};
  const stage = async <T>(name: Stage, work: () => Promise<T>): Promise<T> => {
    const startedMs = carriers.now();
    try {
      return await work();
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      tookMs[name] = carriers.now() - startedMs;
    }
  };
  const text = async (url: string) => (await carriers.fetchByHttp(url)).toString();
  const end = (failure?: string): Journey => ({ tookMs, failure, endedMs: carriers.now() });
  try {
    const first = await stage("firmware dhcp", () => carriers.lease("firmware"));
    await stage("loader", () => carriers.fetchByTftp(first.server, first.bootFile));
    const second = await stage("ipxe dhcp", () => carriers.lease("ipxe"));
    const script = await stage("script", async () => {
      const menu = await text(second.bootFile);
      return await text(urlOf(menu, "chain").replaceAll(/\$\{netX\/mac\}/g, mac));
    });
    await stage("kernel head", () => carriers.fetchByHttp(urlOf(script, "kernel"), kernelHead));
    await stage("config", () => carriers.fetchByHttp(configUrlOf(script, second.bootFile, mac)));
    return end();
  } catch (error) {
    return end(error instanceof Error ? error.message : String(error));
  }
}

/** The URL of the first such command of an iPXE script. */
function urlOf(script: string, command: "chain" | "kernel"): string {
  const url = new RegExp(`^${command} .*?(http://\\S+)`, "m").exec(script)?.[1];
  if (url === undefined) throw new Error(`the script has no ${command}: ${script.slice(0, 200)}`);
  return url;
}

/** The machine's own document, with the permission that its script carries. */
function configUrlOf(script: string, bootFile: string, mac: string): string {
  const nonce = /[?&](nonce=[^&\s]+)/.exec(script)?.[1];
  const url = new URL(`/boot/nodes/${mac}/cluster-config.json`, bootFile);
  return nonce === undefined ? url.href : `${url.href}?${nonce}`;
}
