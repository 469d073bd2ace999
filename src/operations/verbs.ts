// All procedures by the kind of their operations.

import type { OperationKind } from "./operation.ts";
import type { Verb } from "./verb.ts";
import { backup } from "./verbs/backup.ts";
import { disasterRecover } from "./verbs/disaster-recover.ts";
import { drain, undrain } from "./verbs/drain.ts";
import { provision } from "./verbs/provision.ts";
import { restore } from "./verbs/restore.ts";

export const verbs: Readonly<Record<OperationKind, Verb>> = {
  provision,
  drain,
  undrain,
  backup,
  restore,
  "disaster-recover": disasterRecover,
};
