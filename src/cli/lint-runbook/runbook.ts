// A runbook as the rules see it: its commands in order, and every other text that may state a setting. Pure.

import { type Block, type Line, readMarkdown } from "./markdown.ts";
import { type Command, type Comment, readShell } from "./shell.ts";

/** A block with the commands in it, which are none when it is no shell text. */
export interface Script {
  readonly block: Block;
  readonly commands: readonly Command[];
  readonly comments: readonly Comment[];
}

export interface Runbook {
  readonly scripts: readonly Script[];
  /** All lines of the file, for what may stand anywhere. */
  readonly lines: readonly Line[];
}

const shellLanguages: ReadonlySet<string> = new Set([
  "bash",
  "sh",
  "shell",
  "zsh",
  "ksh",
  "console",
  "shell-session",
  "shellsession",
  "terminal",
  "command",
]);

const knownPrograms =
  /^(?:sudo|ssh|scp|curl|wget|ipmitool|nix|nix-env|nix-build|nixos-rebuild|nixos-anywhere|nixos-install|systemctl|journalctl|openssl|tar|rsync|chmod|chown|cp|rm|mkdir|dig|tftp|tcpdump|nmap|iptables|nft|dhcpd|kea-dhcp4|dnsmasq|wipefs|sgdisk|kubectl|sleep|tail|cat|vim|vi|nano|for|while|until|racadm|hponcfg|redfishtool|rackstrap|etcdctl|ssh-keygen|poweroff|reboot|shutdown)$/;

export function readRunbook(text: string): Runbook {
  const { blocks } = readMarkdown(text);
  const lines = text.split(/\r?\n/).map((line, i) => ({ line: i + 1, text: line }));
  return { scripts: blocks.map(readScript), lines };
}

function readScript(block: Block): Script {
  const lines = block.inline ? block.lines : withoutPrompts(block.lines);
  if (!isShell(block, lines)) return { block, commands: [], comments: [] };
  return { block, ...readShell(lines.join("\n"), block.firstLine) };
}

function isShell({ language, inline }: Block, lines: readonly string[]): boolean {
  if (shellLanguages.has(language)) return true;
  if (language !== "" && language !== "text" && language !== "txt") return false;
  // A span with one word is the name of a program, not a command.
  const starts = (line: string) => {
    const [first = "", second] = line
      .trim()
      .replace(/^sudo\s+/, "")
      .split(/\s+/);
    return knownPrograms.test(first) && (!inline || second !== undefined);
  };
  return lines.some(starts);
}

const prompt = /^\s*(?:[\w.@~:/-]*[$#%]|\[[^\]]{1,60}\][$#])\s+(?=\S)/;
const dollarPrompt = /^\s*(?:[\w.@~:/-]*\$|\[[^\]]{1,60}\][$#])\s+\S/;

/** Where lines have a `$` prompt, the others but their continuations are output and count as blank. */
function withoutPrompts(lines: readonly string[]): string[] {
  if (!lines.some((line) => dollarPrompt.test(line))) return [...lines];
  let continued = false;
  return lines.map((line) => {
    const isCommand = continued || prompt.test(line);
    const text = continued ? line.replace(/^\s*>\s/, "") : line.replace(prompt, "");
    continued = isCommand && line.endsWith("\\");
    return isCommand ? text : "";
  });
}

/** Every command, in the order of the file. */
export function allCommands({ scripts }: Runbook): Command[] {
  return scripts.flatMap(({ commands }) => commands);
}

/** The text of the command as it may be shown: without passwords and tokens, and no longer than a line. */
export function excerpt({ words }: Pick<Command, "words">): string {
  const shown = words.map(({ text }, i) => {
    const before = words[i - 1]?.text ?? "";
    if (before === "-P" || before === "--password" || before === "-p") return "***";
    if (before === "-u" || before === "--user") return text.replace(/:.+$/s, ":***");
    return text
      .replace(/^-P\S+$/, "-P***")
      .replace(
        /((?:pass(?:word|wd)?|secret|token|api_?key)["']?\s*[=:]\s*["']?)[^\s"',}&]+/gi,
        "$1***",
      )
      .replace(/(\bBearer\s+)[^\s"']+/gi, "$1***")
      .replace(/(:\/\/[^/\s:@]+:)[^@\s/]+@/g, "$1***@");
  });
  const text = shown.join(" ").replaceAll(/\s+/g, " ");
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}
