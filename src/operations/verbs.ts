// All procedures by the kind of their operations.

import type { OperationKind } from "./operation.ts";
import type { Verb } from "./verb.ts";
import { drain, undrain } from "./verbs/drain.ts";
import { provision } from "./verbs/provision.ts";
import { rotateCertificates } from "./verbs/rotate-certificates.ts";

export const verbs: Readonly<Record<OperationKind, Verb>> = {
  provision,
  drain,
  undrain,
  "rotate-certificates": rotateCertificates,
};
