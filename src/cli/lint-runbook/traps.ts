// What no single command shows: traps that lie between the commands of a script, or between two places of a runbook.
// Each function returns the places; what they mean is in rules.ts.

import { allCommands, excerpt, type Runbook, type Script } from "./runbook.ts";
import type { Command } from "./shell.ts";

export interface Place {
  readonly line: number;
  readonly text: string;
}

const placeOf = (command: Command): Place => ({ line: command.line, text: excerpt(command) });
const trimmed = (line: number, text: string): Place => {
  const shown = text.trim().replaceAll(/\s+/g, " ");
  return { line, text: shown.length > 90 ? `${shown.slice(0, 89)}…` : shown };
};

function inScripts(runbook: Runbook, find: (script: Script) => Command[]): Place[] {
  return runbook.scripts.flatMap((script) => find(script).map(placeOf));
}

/** `… &` and then `wait` without a job: its status is always 0. */
export function plainWaits(runbook: Runbook): Place[] {
  return inScripts(runbook, ({ commands }) =>
    commands.filter(
      ({ name, words }, i) =>
        name === "wait" &&
        words.length === 1 &&
        commands.slice(0, i).some(({ background }) => background),
    ),
  );
}

export function isNixosAnywhere({ name, text }: Command): boolean {
  return name === "nixos-anywhere" || (name === "nix" && /\srun\s.*nixos-anywhere/.test(text));
}

/** `switch --rollback` in a script that only tried the new system with `test`. */
export function rollbacksAfterTest(runbook: Runbook): Place[] {
  return inScripts(runbook, ({ commands }) =>
    commands.filter(
      ({ name, text }, i) =>
        name === "nixos-rebuild" &&
        /\bswitch\b.*--rollback/.test(text) &&
        commands
          .slice(0, i)
          .some((one) => one.name === "nixos-rebuild" && /\btest\b/.test(one.text)),
    ),
  );
}

/** A second configuration, or an instruction, that makes a node found a cluster. */
export function manyBootstraps({ scripts, lines }: Runbook): Place[] {
  const written = lines.filter(({ text }) => /["']bootstrap["']\s*:\s*true\b/.test(text));
  const told = scripts.flatMap(({ comments }) =>
    comments.filter(({ text }) => /\bset\s+["'`]?bootstrap["'`]?\s*[=:]\s*true/i.test(text)),
  );
  return [...written.slice(1), ...told].map(({ line, text }) => trimmed(line, text));
}

/** An install of a node that was removed from the cluster further up, from the files it had. */
export function reinstalls(runbook: Runbook): Place[] {
  const removed = new Set<string>();
  return allCommands(runbook).flatMap((command) => {
    const gone = /\bDELETE\b.*\/admin\/member\/([\w-]+)/.exec(command.text)?.[1];
    if (gone !== undefined) removed.add(gone);
    const node = isNixosAnywhere(command) ? /#([\w-]+)/.exec(command.text)?.[1] : undefined;
    return node !== undefined && removed.has(node) ? [placeOf(command)] : [];
  });
}

const raftData = /\b(?:chainfire|flaredb|etcd|consul|raft)\b/;

/** Archives of data that its service is writing, and archives that are unpacked over what is there. */
export function raftArchives(runbook: Runbook): Place[] {
  const around = (line: number) =>
    runbook.lines
      .slice(Math.max(line - 2, 0), line + 1)
      .map(({ text }) => text)
      .join("\n");
  return allCommands(runbook)
    .filter(({ name, text, line }) => {
      if (name === "tar") return raftData.test(text) || raftData.test(around(line));
      return (
        name === "rm" && /\s-\w*r/.test(text) && /\/var\/lib\//.test(text) && raftData.test(text)
      );
    })
    .map(placeOf);
}

/** An archive that is read under a name made of today's date. */
export function datedRestores(runbook: Runbook): Place[] {
  return allCommands(runbook)
    .filter(
      ({ name, text }) =>
        name === "tar" &&
        /(?:^|\s)-?\w*x/.test(text.replace(/^.*?tar/, "")) &&
        /\$\(date\b/.test(text),
    )
    .map(placeOf);
}

/** chainfire is stopped or restarted before, or together with, flaredb, which needs it. */
export function wrongStopOrder(runbook: Runbook): Place[] {
  return inScripts(runbook, ({ commands }) =>
    commands.filter(({ name, text }, i) => {
      if (
        name !== "systemctl" ||
        !/\b(?:stop|restart)\b.*\bchainfire(?:\.service)?(?:\s|$)/.test(text)
      )
        return false;
      if (/\bflaredb\b/.test(text)) return true;
      const stops = (one: Command) =>
        one.name === "systemctl" && /\bstop\b.*\bflaredb\b/.test(one.text);
      return /\bstop\b/.test(text) && !commands.slice(0, i).some(stops);
    }),
  );
}

/** Addresses that can't be: an octet above 255, or a prefix above 32. */
export function impossibleNetworks({ lines }: Runbook): Place[] {
  return lines.flatMap(({ line, text }) => {
    const found = [
      ...text.matchAll(/(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:\/(\d{1,3}))?(?![\w.]*\d\.)/g),
    ];
    const wrong = found.some(
      ([, address = "", prefix]) =>
        address.split(".").some((octet) => Number(octet) > 255) || Number(prefix ?? 0) > 32,
    );
    return wrong ? [trimmed(line, text)] : [];
  });
}

/** A service on the port of the boot server, wherever both are named. */
export function sharedPorts({ lines }: Runbook): Place[] {
  const bootPorts = new Map<string, number>();
  for (const { line, text } of lines) {
    const port = /https?:\/\/[^/\s:]+:(\d{1,5})\/boot\//.exec(text)?.[1];
    if (port !== undefined && !bootPorts.has(port)) bootPorts.set(port, line);
  }
  let service: string | undefined;
  return lines.flatMap(({ line, text }) => {
    service = /\bservices\.([\w-]+)\s*=\s*\{/.exec(text)?.[1] ?? service;
    const port =
      /^\s*port\s*=\s*(\d{1,5})\s*;/.exec(text)?.[1] ??
      /\bservices\.[\w-]+\.port\s*=\s*(\d{1,5})\s*;/.exec(text)?.[1];
    const at = port === undefined || service === undefined ? undefined : bootPorts.get(port);
    return at === undefined
      ? []
      : [trimmed(line, `${text.trim()} (services.${service}; the boot server's in line ${at})`)];
  });
}

interface AddressRange {
  readonly network: string;
  readonly first: number;
  readonly last: number;
}

/** Nodes whose own configuration says worker, installed at an address that the plan keeps for the control plane. */
export function misplacedWorkers(runbook: Runbook): Place[] {
  const ranges = controlRanges(runbook);
  const workers = new Set<string>();
  for (const { block } of runbook.scripts) {
    const text = block.lines.join("\n");
    const id = /"node_id"\s*:\s*"([\w-]+)"/.exec(text)?.[1];
    if (id !== undefined && /"node_role"\s*:\s*"worker"/.test(text)) workers.add(id);
  }
  return allCommands(runbook)
    .filter((command) => {
      const node = isNixosAnywhere(command) ? /#([\w-]+)/.exec(command.text)?.[1] : undefined;
      const [, network, octet] = /\broot@(\d+\.\d+\.\d+)\.(\d+)\b/.exec(command.text) ?? [];
      if (node === undefined || !workers.has(node) || octet === undefined) return false;
      return ranges.some(
        (one) => one.network === network && one.first <= Number(octet) && Number(octet) <= one.last,
      );
    })
    .map(placeOf);
}

/** `.50-.79 - Control plane nodes` below the line of its network. */
function controlRanges({ lines }: Runbook): AddressRange[] {
  let network = "";
  return lines.flatMap(({ text }) => {
    network = /^\W*(\d+\.\d+\.\d+)\.0\/24\b/.exec(text)?.[1] ?? network;
    const [, first, last, label] = /^\W*\.(\d{1,3})\s*-\s*\.(\d{1,3})\s+(.*)$/.exec(text) ?? [];
    if (first === undefined || last === undefined || !/control/i.test(label ?? "")) return [];
    return [{ network, first: Number(first), last: Number(last) }];
  });
}

/** A comment in the place of a step: `# ... (configuration update) ...`; what is said to be output is none. */
export function blankSteps({ scripts }: Runbook): Place[] {
  return scripts.flatMap(({ comments, commands }) => {
    if (commands.length === 0) return [];
    let before = 0;
    let isOutput = false;
    return comments.flatMap(({ line, text }) => {
      isOutput = /\b(?:expected|output|example)\b/i.test(text) || (isOutput && line === before + 1);
      before = line;
      const isBlank = /^(?:\.{3}|…|TODO\b|TBD\b)/.test(text);
      return isBlank && !isOutput ? [trimmed(line, `# ${text}`)] : [];
    });
  });
}

/** A kernel of an image without the init= that belongs to it. */
export function imagesWithoutInit(runbook: Runbook): Place[] {
  const { scripts, lines } = runbook;
  const kernels = scripts.flatMap(({ block }) =>
    block.lines.flatMap((text, i) =>
      /^\s*(?:kernel|linux)\s+\S*(?:bzImage|vmlinuz|kernel)/.test(text) && !text.includes("init=")
        ? [trimmed(block.firstLine + i, text)]
        : [],
    ),
  );
  const served = allCommands(runbook).find(
    ({ name, text }) =>
      ["cp", "curl", "scp", "rsync", "install"].includes(name) &&
      /bzImage|pxe-boot\/nixos/.test(text),
  );
  if (kernels.length > 0 || served === undefined || lines.some(({ text }) => /\binit=/.test(text)))
    return kernels;
  return [placeOf(served)];
}

/** dhcpd rules for architectures without those for arm64 (000b) and for HTTP boot (000f, 0010, 0013). */
export function missingArchitectures({ scripts }: Runbook): Place[] {
  return scripts.flatMap(({ block }) => {
    const rules = block.lines.flatMap((text, i) => {
      const code =
        /(?:arch\w*(?:-type)?|client-system|option 93|client-arch)\b\W*(?:=|,|==)\s*(?:0x)?([0-9a-f]{2}:)?([0-9a-f]{1,2})\b/i.exec(
          text,
        )?.[2];
      return code === undefined
        ? []
        : [{ line: block.firstLine + i, text, code: Number.parseInt(code, 16) }];
    });
    const [first] = rules;
    const codes = new Set(rules.map(({ code }) => code));
    const complete = codes.has(0x0b) && (codes.has(0x10) || codes.has(0x0f));
    return first === undefined || complete ? [] : [trimmed(first.line, first.text)];
  });
}

/** Port 67 is opened, and 4011 nowhere. */
export function missingProxyPort({ lines }: Runbook): Place[] {
  if (lines.some(({ text }) => /\b4011\b/.test(text))) return [];
  const opened = lines.find(({ text }) =>
    /\budp\b.*\bdport\b\D*67\b|\bdport\b\D*67\b.*\budp\b|allowedUDPPorts\s*=\s*\[[^\]]*\b67\b/.test(
      text,
    ),
  );
  return opened === undefined ? [] : [trimmed(opened.line, opened.text)];
}

/** Places that give private keys another mode than the first one does. */
export function keyModes(runbook: Runbook): Place[] {
  const set = allCommands(runbook).flatMap((command) => {
    const mode =
      command.name === "chmod" ? /\b0?([0-7]{3})\b.*key/.exec(command.text)?.[1] : undefined;
    return mode === undefined ? [] : [{ mode, place: placeOf(command) }];
  });
  const said = runbook.lines.flatMap(({ line, text }) => {
    const mode = /\b0?([0-7]{3})\s+for\s+private\s+keys/i.exec(text)?.[1];
    return mode === undefined ? [] : [{ mode, place: trimmed(line, text) }];
  });
  const all = [...set, ...said].toSorted((a, b) => a.place.line - b.place.line);
  return all.filter(({ mode }) => mode !== all[0]?.mode).map(({ place }) => place);
}
