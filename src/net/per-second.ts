// Bounds how much of what anyone on the network can cause is told in one second.

/**
 * Returns a function that is true for the first calls in each second of the clock, as many as `most` says for their group.
 * Milliseconds of any clock.
 */
export function createPerSecond<Group extends string>(
  most: Readonly<Record<Group, number>>,
): (group: Group, nowMs: number) => boolean {
  const counted = new Map<Group, number>();
  let second = 0;
  return (group, nowMs) => {
    const current = Math.floor(nowMs / 1000);
    if (current !== second) counted.clear();
    second = current;
    const count = (counted.get(group) ?? 0) + 1;
    counted.set(group, count);
    return count <= most[group];
  };
}
