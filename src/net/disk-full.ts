// Whether what was thrown says that a disk of this machine has no room, or its user no more of it. Both pass.

const codes: readonly unknown[] = ["ENOSPC", "EDQUOT", "SQLITE_FULL"];
// Errors are wrapped once or twice; a chain that leads back into itself has to end, too.
const mostCauses = 10;

/** Looks at the causes of an error as well. */
export function isDiskFull(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < mostCauses && at instanceof Error; depth += 1) {
    if ("code" in at && codes.includes(at.code)) return true;
    at = at.cause;
  }
  return false;
}
