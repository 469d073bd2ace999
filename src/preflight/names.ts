// Do the name servers of the production network know the nodes and the service addresses, forwards and backwards (runbook §3.3)?

import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Names, Surroundings } from "./surroundings.ts";

interface Expected {
  readonly name: string;
  readonly address: string;
}

export async function checkNames(
  inventory: Inventory,
  surroundings: Pick<Surroundings, "names">,
): Promise<readonly CheckLine[]> {
  const { dns, vips } = inventory.networks.production;
  const subject = { area: "network" as const, title: "DNS zones" };
  const expected: readonly Expected[] = [
    ...inventory.nodes.map(({ fqdn, productionAddress }) => ({
      name: fqdn,
      address: productionAddress,
    })),
    ...Object.entries(vips).map(([name, address]) => ({
      name: `${name}.${inventory.domain}`,
      address,
    })),
  ];
  const names = surroundings.names(dns);
  const faults = await Promise.all(expected.map((one) => faultsOf(one, names)));
  if (faults.flat().some((fault) => fault.kind === "silent"))
    return [
      error(
        subject,
        `${dns.join(", ")} did not answer`,
        "correct networks.production.dns, or see to the way there and to the name server",
      ),
    ];
  const wrong = faults.flat().filter((fault) => fault.kind === "wrong");
  const absent = faults.flat().filter((fault) => fault.kind === "absent");
  if (wrong.length + absent.length === 0)
    return [ok(subject, `${expected.length} names and addresses agree`)];
  return [
    ...wrong.map(({ text }) =>
      error(
        subject,
        text,
        "correct the zone: rackstrap generate --only dns shows what belongs there",
      ),
    ),
    ...(absent.length === 0
      ? []
      : [
          warning(
            subject,
            listed(absent.map(({ text }) => text)),
            "add the records: rackstrap generate --only dns --write makes both zones",
          ),
        ]),
  ];
}

const mostListed = 4;

function listed(texts: readonly string[]): string {
  const more = texts.length - mostListed;
  return texts.slice(0, mostListed).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

interface Fault {
  readonly kind: "wrong" | "absent" | "silent";
  readonly text: string;
}

async function faultsOf({ name, address }: Expected, names: Names): Promise<readonly Fault[]> {
  const [forward, backward] = await Promise.all([
    answer(() => names.addressesOf(name), name, address),
    answer(() => names.namesOf(address), address, name),
  ]);
  return [...forward, ...backward];
}

/** What is wrong with the answer to the question for `asked`, which should be `wanted`. */
async function answer(
  ask: () => Promise<readonly string[]>,
  asked: string,
  wanted: string,
): Promise<readonly Fault[]> {
  try {
    const found = (await ask()).map((each) => each.toLowerCase().replace(/\.$/, ""));
    if (found.includes(wanted)) return [];
    const text = `${asked} is ${found.join(", ") || "nothing"}, and the inventory says ${wanted}`;
    return [{ kind: "wrong", text }];
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    return ["ENOTFOUND", "ENODATA"].includes(code)
      ? [{ kind: "absent", text: `${asked} has no record` }]
      : [{ kind: "silent", text: code }];
  }
}
