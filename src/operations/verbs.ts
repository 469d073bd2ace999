// All procedures by the kind of their operations.

import type { OperationKind } from "./operation.ts";
import type { Verb } from "./verb.ts";
import { add } from "./verbs/add.ts";
import { backup } from "./verbs/backup.ts";
import { decommission } from "./verbs/decommission.ts";
import { disasterRecover } from "./verbs/disaster-recover.ts";
import { drain, undrain } from "./verbs/drain.ts";
import { provision } from "./verbs/provision.ts";
import { replace } from "./verbs/replace.ts";
import { reprovision } from "./verbs/reprovision.ts";
import { restore } from "./verbs/restore.ts";
import { rotateCertificates } from "./verbs/rotate-certificates.ts";

export const verbs: Readonly<Record<OperationKind, Verb>> = {
  ...{ provision, add, replace, reprovision, decommission, drain, undrain },
  "rotate-certificates": rotateCertificates,
  ...{ backup, restore, "disaster-recover": disasterRecover },
};
