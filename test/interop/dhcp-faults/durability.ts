// Reads a trace of strace (-y -xx) of the server's thread and says which ACKs left before their lease was on disk.

const acknowledgement = "350105"; // option 53, one octet, DHCPACK
const macAt = 28;
// The end of a descriptor's path: "-wal", as strace writes it.
const logPath = "\\x2d\\x77\\x61\\x6c>";

/**
 * Looks at the first lease of each machine: its ACK may leave once the lease log was written with its MAC and synced after that.
 * Returns how many ACKs there were, and the MACs of those that came too early.
 */
export function judgeTrace(lines: readonly string[]): {
  readonly acknowledged: number;
  readonly early: readonly string[];
} {
  let written = "";
  let durable = "";
  let acknowledged = 0;
  const early: string[] = [];
  for (const line of lines) {
    const onLog = line.includes(logPath);
    if (onLog && line.startsWith("pwrite64(")) written += octetsIn(line).join("");
    else if (onLog && /^f(data)?sync\(.* = 0$/.test(line)) {
      durable += written;
      written = "";
    } else if (line.startsWith("sendmmsg("))
      for (const datagram of octetsIn(line)) {
        if (!datagram.slice(480).includes(acknowledgement)) continue;
        acknowledged += 1;
        const mac = datagram.slice(2 * macAt, 2 * macAt + 12).replace(/..(?!$)/g, "$&:");
        if (!durable.includes(Buffer.from(mac).toString("hex"))) early.push(mac);
      }
  }
  return { acknowledged, early };
}

/** The strings of a line as hexadecimal digits. */
function octetsIn(line: string): string[] {
  return [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = ""]) =>
    text.replaceAll("\\x", ""),
  );
}
