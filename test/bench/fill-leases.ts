// Fills a server's lease database with the leases of the machines that will come back during the measurement.

import type { Lab } from "./lab.ts";
import { dropShare, perfdhcp } from "./perfdhcp.ts";

/** Either all machines have a lease, but for the 1 % of one slice that may be lost, or the time was over. */
export type Filling = { readonly seconds: number } | { readonly filled: number };

// Slices are multiples of it, see Load.firstClient.
const sliceUnit = 256;
const startRate = 1000;
const slowestRate = 50;
const fastestRate = 8000;
const acceptedDropShare = 0.01;

/** Lets the first `count` machines take leases, slice by slice, as fast as the server allows, for at most `limitSeconds`. */
export async function fillLeases(lab: Lab, count: number, limitSeconds: number): Promise<Filling> {
  const startedAt = performance.now();
  const passed = () => (performance.now() - startedAt) / 1000;
  let rate = startRate;
  let filled = 0;
  while (filled < count) {
    const left = Math.floor(limitSeconds - passed());
    if (left < 1) return { filled };
    // About one second's worth: what fails is soon tried again at a lower rate.
    const slice = Math.ceil(rate / sliceUnit) * sliceUnit;
    const clients = Math.min(slice, count - filled);
    const seconds = Math.min(left, Math.ceil(clients / rate) + 1);
    const report = await perfdhcp(lab, {
      ...{ rate, clients, seconds, exchanges: clients, firstClient: filled },
    });
    const complete = report.ack.received >= clients * (1 - acceptedDropShare);
    if (complete) filled += clients;
    rate =
      dropShare(report) <= acceptedDropShare
        ? Math.min(fastestRate, Math.round(rate * 1.5))
        : Math.max(slowestRate, Math.round(rate / 2));
  }
  return { seconds: passed() };
}
