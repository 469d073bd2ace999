// The services that nodes run, and the ports of each (runbook §3.4, the port matrix).

import { z } from "zod";
import { port } from "./values.ts";

export const serviceNames = [
  "chainfire",
  "flaredb",
  "iam",
  "plasmavmc",
  "prismnet",
  "flashdns",
  "fiberlb",
  "k8shost",
] as const;

export type ServiceName = (typeof serviceNames)[number];

const single = (usual: number) => z.strictObject({ port: port.default(usual) }).prefault({});

/** Only what differs from the matrix is written. */
export const services = z.strictObject({
  chainfire: z
    .strictObject({
      port: port.default(2379),
      raftPort: port.default(2380),
      gossipPort: port.default(2381),
    })
    .prefault({}),
  flaredb: z.strictObject({ port: port.default(2479), raftPort: port.default(2480) }).prefault({}),
  iam: single(8080),
  plasmavmc: single(9090),
  prismnet: single(9091),
  flashdns: single(53),
  fiberlb: single(9092),
  k8shost: single(10250),
});

/** What a node runs that names no services. A worker runs them only where the inventory says which. */
export const servicesOfRole = {
  "control-plane": ["chainfire", "flaredb", "iam"],
  worker: ["chainfire", "flaredb"],
  "all-in-one": ["chainfire", "flaredb", "iam"],
} as const satisfies Readonly<Record<string, readonly ServiceName[]>>;
