import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { lintRunbook } from "../../src/cli/lint-runbook/lint.ts";
import { rules } from "../../src/cli/lint-runbook/rules.ts";
import { readShell } from "../../src/cli/lint-runbook/shell.ts";
import { run } from "./run.ts";

const fixtures = join(import.meta.dirname, "../fixtures/lint-runbook");
const byHand = readFileSync(join(fixtures, "by-hand.md"), "utf8");
const withRackstrap = readFileSync(join(fixtures, "with-rackstrap.md"), "utf8");

/** The lines of the fixture that hold each text, which must be there exactly once. */
function linesOf(texts: readonly string[]): number[] {
  return texts.map((text) => {
    const found = byHand.split("\n").flatMap((line, i) => (line.includes(text) ? [i + 1] : []));
    if (found.length !== 1) throw new Error(`${text} is in the fixture ${found.length} times`);
    return found[0] ?? 0;
  });
}

const places = (text: string, rule: string) =>
  lintRunbook(text).findings.find((finding) => finding.rule === rule)?.places ?? [];

// The seventeen traps of a runbook that is done by hand, and where in the fixture each of them is.
const traps: readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[] = [
  ["1 a lasting network boot", [["persistent-network-boot", ["options=persistent"]]]],
  ["2 $$node", [["shell-pid", ["root@$$node"]]]],
  ["3 & … wait", [["wait-forgets-failures", ["WAIT"]]]],
  [
    "4 rollback",
    [
      ["rollback-after-test", ["switch --rollback"]],
      ["lasting-rollback", ["boot --rollback"]],
    ],
  ],
  [
    "5 quorum by length",
    [
      ["quorum-by-list-length", [".members | length"]],
      ["unchecked-member-removal", ["-X DELETE"]],
    ],
  ],
  [
    "6 a second cluster",
    [
      ["second-cluster", ['"node_id": "node02"', "# Set bootstrap=true"]],
      ["reinstall-with-old-files", ["./node02 --flake"]],
    ],
  ],
  [
    "7 archives of live data",
    [
      ["live-raft-archive", ["tar -czf -", "rm -rf", "tar -xzf"]],
      ["restore-by-todays-date", ["tar -xzf"]],
    ],
  ],
  ["8 no secrets", [["install-without-secrets", ["nix run github"]]]],
  [
    "9 TLS unchecked, no names",
    [
      ["unchecked-tls", ["curl -sk"]],
      ["certificate-without-names", ["openssl req", "openssl x509"]],
    ],
  ],
  [
    "10 passwords",
    [
      ["password-in-arguments", ["bootdev pxe", "power on"]],
      ["password-left-out", ["sol activate"]],
    ],
  ],
  ["11 fixed sleeps", [["fixed-sleep", ["SLEEP"]]]],
  [
    "12 the order of stops",
    [["stop-order", ["stop chainfire.service", "restart chainfire flaredb"]]],
  ],
  [
    "13 networks, ports, ranges",
    [
      ["impossible-network", ["10.0.300.0/24"]],
      ["shared-port", ["  port = 8080;"]],
      ["worker-among-control", ["#node04 root@10.0.100.60"]],
    ],
  ],
  ["14 a blank step", [["blank-step", ["# ... (new certificates"]]]],
  ["15 no init=", [["image-without-init", ["$ sudo cp artifacts"]]]],
  [
    "16 ports and architectures",
    [
      ["missing-proxy-port", ["--dport 67"]],
      ["missing-architectures", ["= 00:00"]],
    ],
  ],
  ["17 key modes", [["key-modes", ["chmod 600"]]]],
];

describe("the traps of a runbook that is done by hand", () => {
  const wait = byHand.split("\n").indexOf("wait") + 1;
  const sleep = byHand.split("\n").indexOf("sleep 60") + 1;

  it.each(traps)("%s", (_, expected) => {
    for (const [rule, texts] of expected) {
      const lines = texts.map((text) =>
        text === "WAIT" ? wait : text === "SLEEP" ? sleep : (linesOf([text])[0] ?? 0),
      );
      // The last stop of the restore is one command for both services.
      const found = places(byHand, rule).map(({ line }) => line);
      const extra = rule === "stop-order" ? linesOf(["systemctl stop flaredb chainfire"]) : [];
      expect({ rule, found }).toEqual({
        rule,
        found: [...lines, ...extra].toSorted((a, b) => a - b),
      });
    }
  });

  test("every unsafe rule is one of them", () => {
    const named = traps.flatMap(([, some]) => some.map(([rule]) => rule));
    expect(
      rules
        .filter(({ severity }) => severity === "unsafe")
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(named.toSorted());
  });

  test("no password of the runbook is shown", () => {
    expect(JSON.stringify(lintRunbook(byHand))).not.toContain("hunter2");
    expect(
      JSON.stringify(
        lintRunbook(
          "```sh\ncurl -k -u admin:pw1 https://x -H 'Authorization: Bearer t0k' -d '{\"password\":\"pw2\"}'\nipmitool -Ppw3 chassis power on\n```",
        ),
      ),
    ).not.toMatch(/pw[123]|t0k/);
  });
});

test("what the program does itself is named with its lines", () => {
  const found = lintRunbook(byHand).findings.filter(({ severity }) => severity === "replaced");
  expect(Object.fromEntries(found.map(({ rule, places }) => [rule, places.length]))).toEqual({
    "bmc-boot-device": 1,
    "bmc-power": 1,
    "serial-console": 1,
    install: 3,
    "dhcp-check": 1,
    leases: 1,
    images: 3,
    "cluster-queries": 1,
    "cluster-config": 1,
  });
});

test("a runbook that uses rackstrap has no findings", () => {
  const { findings, commands, unknown } = lintRunbook(withRackstrap);
  expect(findings).toEqual([]);
  expect(commands).toBe(unknown);
  expect(commands).toBeGreaterThan(10);
});

describe("where a rule does not apply", () => {
  const block = (text: string) => `\`\`\`bash\n${text}\n\`\`\`\n`;
  it.each<[string, string, string]>([
    ["fixed-sleep", "a loop that asks", "while ! ping -c1 node01; do sleep 2; done"],
    ["fixed-sleep", "text", "echo 'sleep 60'"],
    ["fixed-sleep", "a here document", "cat <<EOF\nsleep 60\nEOF"],
    ["wait-forgets-failures", "a job that is named", "long & wait $!"],
    ["wait-forgets-failures", "nothing in the background", "wait"],
    ["shell-pid", "the process number itself", 'echo "$$" > /run/pid'],
    ["shell-pid", "single quotes", "echo '$$node'"],
    ["unchecked-tls", "another option", "curl --keepalive-time 2 -fsS https://x"],
    ["password-in-arguments", "a password file", "ipmitool -H x -U a -f /run/pw chassis power on"],
    ["rollback-after-test", "no test before", "nixos-rebuild switch --rollback"],
    [
      "install-without-secrets",
      "installing the program",
      "nix profile install github:nix-community/nixos-anywhere",
    ],
    ["live-raft-archive", "other data", "tar -czf /backup/etc.tar.gz /etc"],
    ["stop-order", "flaredb first", "systemctl stop flaredb\nsystemctl stop chainfire"],
    ["impossible-network", "a version", "echo 1.2.300"],
    [
      "missing-proxy-port",
      "4011 as well",
      "iptables -A INPUT -p udp --dport 67 -j ACCEPT\niptables -A INPUT -p udp --dport 4011 -j ACCEPT",
    ],
    ["key-modes", "one mode", "chmod 600 a-key.pem\nchmod 0600 b-key.pem"],
  ])("%s: %s", (rule, _, text) => {
    expect(places(block(text), rule)).toEqual([]);
  });
});

describe("the shell reader", () => {
  const read = (text: string) =>
    readShell(text, 1).commands.map(({ line, name, text, background, loops, nested }) =>
      [
        line,
        name,
        JSON.stringify(text),
        background ? "&" : "",
        loops.join(),
        nested ? "nested" : "",
      ]
        .join(" ")
        .trimEnd(),
    );
  it.each<[string, string, string[]]>([
    [
      "pipes and lists",
      "a 1 | b && c || d; e",
      ['1 a "a 1"', '1 b "b"', '1 c "c"', '1 d "d"', '1 e "e"'],
    ],
    ["quotes", "a 'x | y' \"p; q\"", ['1 a "a x | y p; q"']],
    ["continuation and comments", "a \\\n  b # c | d\ne", ['1 a "a b"', '3 e "e"']],
    ["background and redirection", "a > f 2>&1 &\nb &> g", ['1 a "a > f 2 >&1" &', '2 b "b &> g"']],
    ["loops", "for i in 1 2; do\n  a $i &\ndone\nwait", ['2 a "a $i" & for', '4 wait "wait"']],
    ["an until loop", "until a; do sleep 1; done", ['1 a "a"  until', '1 sleep "sleep 1"  until']],
    [
      "a substitution in quotes",
      'echo "n: $(curl x | jq y)"',
      ['1 curl "curl x"   nested', '1 jq "jq y"   nested', '1 echo "echo n: $(curl x | jq y)"'],
    ],
    [
      "a script for ssh",
      "ssh -i k root@h '\n  a\n  b'",
      ['1 ssh "ssh -i k root@h \\n  a\\n  b"', '2 a "a"   nested', '3 b "b"   nested'],
    ],
    ["a here document", "cat <<'E' > f\nrm -rf /\nE\nb", ['1 cat "cat > f"', '4 b "b"']],
    ["assignments and sudo", "A=1 sudo /usr/bin/x y", ['1 x "A=1 sudo /usr/bin/x y"']],
    ["if and braces", "if ! a; then { b; }; else c; fi", ['1 a "a"', '1 b "b"', '1 c "c"']],
    ["a quotation mark without its end", "echo don't\na", ['1 echo "echo don\'t"', '2 a "a"']],
  ])("%s", (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });
});

describe("any text", () => {
  const pieces = [
    "```",
    "~~~",
    "`",
    "'",
    '"',
    "$(",
    "(",
    ")",
    "<<E\n",
    "\\",
    "\n",
    "do ",
    "done ",
    "    ",
    "&",
    "#",
    "\0",
    "for ",
    "$$x",
  ];
  test("has findings or none, and never hangs", () => {
    let state = 11;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 100; round++) {
      let text = byHand;
      for (let times = 0; times < 6; times++) {
        const at = random(text.length);
        text =
          text.slice(0, at) + (pieces[random(pieces.length)] ?? "") + text.slice(at + random(60));
      }
      const started = performance.now();
      lintRunbook(text);
      expect(performance.now() - started, `round ${round}`).toBeLessThan(5000);
    }
  });

  it.each([
    ..."`'\"(\\&;#<$ \n",
    "$(",
    "<<E\n",
    '"$(',
    "for ",
    "do ",
    "10.0.0.0/24 ",
    "`a`",
    "nix a ",
    "ssh x ssh ",
  ])(
    "a block of %j alone",
    (piece) => {
      const started = performance.now();
      lintRunbook(`\`\`\`bash\n${piece.repeat(20_000)}`);
      lintRunbook(piece.repeat(20_000));
      expect(performance.now() - started).toBeLessThan(10_000);
    },
    30_000,
  );
});

test("every command that a remedy names is one of the program's", async () => {
  const named = rules.flatMap(({ remedy, message }) =>
    [...`${remedy} ${message}`.matchAll(/`rackstrap ([a-z -]+)`/g)].map(([, name = ""]) =>
      name.split(" "),
    ),
  );
  expect(named.length).toBeGreaterThan(20);
  const groups = [
    ...new Set(named.flatMap(([first = "", second]) => (second === undefined ? [] : [first]))),
  ];
  const helps = await Promise.all(
    [[], ...groups.map((group) => [group])].map((args) => run([...args, "--help"])),
  );
  const wrong = named.filter(([first = "", second]) => {
    const help = helps[second === undefined ? 0 : groups.indexOf(first) + 1]?.stdout ?? "";
    return !new RegExp(`^ {2}${second ?? first}(?:[ |]|$)`, "m").test(help);
  });
  expect(wrong).toEqual([]);
}, 60_000);

describe("the command", () => {
  test("ends with 1 when something is unsafe, and groups what it found", async () => {
    const { code, stdout } = await run(["lint-runbook", join(fixtures, "by-hand.md")]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^UNSAFE\n {2}persistent-network-boot: /);
    expect(stdout).toContain(`by-hand.md:${linesOf(["options=persistent"])[0]}`);
    expect(stdout).toMatch(/\nDONE BY RACKSTRAP\n/);
    expect(stdout).toMatch(
      /by-hand\.md: \d+ commands read, \d+ places unsafe, 13 done by rackstrap, \d+ commands not known\n$/,
    );
  });

  test("ends with 0 and the same as JSON when nothing is", async () => {
    const file = join(fixtures, "with-rackstrap.md");
    const { code, stdout } = await run(["lint-runbook", file, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      files: [expect.objectContaining({ file, findings: [] })],
    });
  });

  test("ends with 2 for a file that can't be read", async () => {
    const { code, stderr } = await run(["lint-runbook", fixtures]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/can't be read: it is no regular file/);
  });
});
