// Is on record what the runbook wants noted of each machine before it is installed (§4.1)?

import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, ok, warning } from "./line.ts";

export function checkRecords({ nodes }: Inventory): readonly CheckLine[] {
  const subject = { area: "hardware" as const, title: "serial numbers" };
  const unknown = nodes.filter(({ serial, uuid }) => serial === undefined && uuid === undefined);
  if (unknown.length === 0) return [ok(subject, `declared for all ${nodes.length} nodes`)];
  return [
    warning(
      subject,
      `${unknown.length} of ${nodes.length} nodes have none (${unknown
        .slice(0, 5)
        .map(({ name }) => name)
        .join(
          ", ",
        )}${unknown.length > 5 ? ", …" : ""}): a machine that was swapped is told by its MAC alone`,
      "set serial (and uuid) of each node; rackstrap bmc info NODE shows them",
    ),
  ];
}
