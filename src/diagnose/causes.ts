// All causes that `rackstrap diagnose` names.

import type { Cause } from "./cause.ts";
import { bootCauses } from "./causes-boot.ts";
import { nodeCauses } from "./causes-node.ts";

export const causes = { ...bootCauses, ...nodeCauses };

export type CauseId = keyof typeof causes;

export function causeOf(id: CauseId): Cause {
  return causes[id];
}
