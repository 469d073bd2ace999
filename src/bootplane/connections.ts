// How many connections there may be, in all and from one client. Pure.

export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerClient: number;
}

export interface Connections {
  /** Why the client may not have one more, or undefined when it may. */
  refusal(client: string): string | undefined;
  /** Counts one; what it returns counts it off again, once. */
  enter(client: string): () => void;
}

export function createConnections(limits: ConnectionLimits): Connections {
  const open = new Map<string, number>();
  let all = 0;
  return {
    refusal: (client) => {
      if (all >= limits.connections) return `there are ${all} connections already`;
      const own = open.get(client) ?? 0;
      return own >= limits.connectionsPerClient ? `it has ${own} connections already` : undefined;
    },
    enter: (client) => {
      all += 1;
      open.set(client, (open.get(client) ?? 0) + 1);
      let isCounted = true;
      return () => {
        if (!isCounted) return;
        isCounted = false;
        all -= 1;
        const left = (open.get(client) ?? 1) - 1;
        if (left === 0) open.delete(client);
        else open.set(client, left);
      };
    },
  };
}
