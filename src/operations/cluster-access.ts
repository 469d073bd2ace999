// The live cluster as operations and people see it: all declared nodes asked at once, judged together.
// Several operations ask at the same moment; one answer, a moment old at most, serves them all.

import { randomBytes } from "node:crypto";
import { failure } from "../cluster/client.ts";
import { createDriver, type Driver, type Layer, layers } from "../cluster/driver.ts";
import { type Judgement, judge } from "../cluster/judge.ts";
import { observe, roundTrip } from "../cluster/observe.ts";
import type { Node } from "../inventory/schema.ts";
import type { ClusterAccess } from "./provision.ts";
import type { Clock } from "./runner.ts";

const freshMs = 4000;
/** A member busy with its first boot may take seconds for a handshake. */
const limits = { timeoutMs: 10_000, maxBodyBytes: 256 * 1024 };

export interface ClusterAccessTools {
  readonly nodes: () => readonly Node[];
  /** What members have to chain to now, in PEM. */
  readonly ca: () => string;
  readonly clock: Clock;
}

export function createClusterAccess(tools: ClusterAccessTools): ClusterAccess {
  const driverOf = driversOf(tools.ca);
  const members = () =>
    tools.nodes().map(({ name, fqdn, productionAddress: address }) => ({ name, fqdn, address }));
  const trips = new Map<Layer, Promise<unknown>>();
  const asked = new Map<Layer, { readonly atMs: number; readonly answer: Promise<Judgement> }>();

  const look = async (layer: Layer): Promise<Judgement> => {
    // Shared by several askers, so no single one may cut it off; the limits above end it.
    const observations = await observe(driverOf(layer), members(), new AbortController().signal);
    return judge({ layer, observations });
  };

  const view = async (layer: Layer): Promise<Judgement> => {
    const known = asked.get(layer);
    if (known !== undefined && tools.clock.now() - known.atMs < freshMs) return await known.answer;
    const answer = look(layer);
    asked.set(layer, { atMs: tools.clock.now(), answer });
    return await answer;
  };

  return {
    view,
    views: async () => await Promise.all(layers.map(view)),
    roundTrip: async (layer, leader, follower, signal) => {
      const find = (name: string) => members().find((member) => member.name === name);
      const [from, to] = [find(leader), find(follower)];
      if (from === undefined || to === undefined)
        return failure(`${leader} or ${follower} is not in the inventory`);
      const { sleep } = tools.clock;
      const drive = () => {
        const value = randomBytes(16).toString("hex");
        const shape = { leader: from, follower: to, value, attempts: 10, pauseMs: 500, sleep };
        return roundTrip({ driver: driverOf(layer), ...shape }, signal);
      };
      // One after the other: all write the same key, and one's value would be an older one to the other.
      const trip = (trips.get(layer) ?? Promise.resolve()).then(drive);
      trips.set(
        layer,
        trip.catch(() => undefined),
      );
      return await trip;
    },
  };
}

/** Made anew when other CAs are trusted than before: a connection is only as good as the certificate that it began with. */
function driversOf(trusted: () => string): (layer: Layer) => Driver {
  const make = (ca: string) => ({
    ca,
    chainfire: createDriver("chainfire", { ca, limits }),
    flaredb: createDriver("flaredb", { ca, limits }),
  });
  let made: ReturnType<typeof make> | undefined;
  return (layer) => {
    const ca = trusted();
    if (made?.ca !== ca) made = make(ca);
    return made[layer];
  };
}
