// All procedures by the kind of their operations.

import type { OperationKind } from "./operation.ts";
import type { Verb } from "./verb.ts";
import { drain, undrain } from "./verbs/drain.ts";
import { provision } from "./verbs/provision.ts";
import { rollback } from "./verbs/rollback.ts";
import { rotateCertificates } from "./verbs/rotate-certificates.ts";
import { update } from "./verbs/update.ts";

export const verbs: Readonly<Record<OperationKind, Verb>> = {
  provision,
  drain,
  undrain,
  update,
  rollback,
  "rotate-certificates": rotateCertificates,
};
