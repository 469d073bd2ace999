// The password of the user that the driver logs in as.

import type { Secret } from "../../net/secret.ts";
import { memberPaths } from "./collection.ts";
import type { Places } from "./discovery.ts";
import { account, accountService } from "./shapes.ts";
import type { Turn } from "./turn.ts";

// iDRAC has 16 places, used or not.
const maxAccounts = 64;

/** Changes it, and logs in with it from then on. Sent once: after the change the old one is a wrong one, and counts as such. */
export async function setPassword(
  turn: Turn,
  places: Places,
  user: string,
  password: Secret,
): Promise<void> {
  if (places.accountService === undefined)
    throw turn.fail("unsupported", "it has no account service");
  const { Accounts } = (await turn.get(places.accountService, accountService)).value;
  for (const path of (await memberPaths(turn, Accounts["@odata.id"])).slice(0, maxAccounts)) {
    const found = await turn.get(path, account);
    if (found.value.UserName !== user) continue;
    await turn.patch(found, { Password: password.reveal() }, { once: true, secret: password });
    turn.changePassword(password);
    return;
  }
  throw turn.fail("unsupported", "this user is not among its accounts");
}
