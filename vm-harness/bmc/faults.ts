// How a simulated BMC misbehaves: one plain object, read at every datagram and command, so that it may be changed while it runs.

/** Everything at its default is a BMC in good health. */
export interface Faults {
  /** Answers nothing. */
  dead: boolean;
  /** Share of the datagrams that it never hears, and of those of its own that are lost: 0 to 1. */
  dropIn: number;
  dropOut: number;
  /** Answers only every n-th datagram. */
  answersOneIn: number;
  delayMs: number;
  /** Sends every datagram twice. */
  duplicates: boolean;
  outOfSessions: boolean;
  /** Numbers its datagrams far outside the console's window. */
  wrongSequence: boolean;
  /** Offers cipher suite 0: no authentication, no encryption, any password. */
  offersSuite0: boolean;
  /** After that many more commands it forgets its sessions and is silent for `rebootSeconds`. 0: never. Counts down to 0. */
  rebootsAfter: number;
  /** Also how long a cold reset takes. */
  rebootSeconds: number;
  /** Refuses that many more commands with `refusalCode`. Counts down to 0. */
  refusals: number;
  refusalCode: number;
  /** Accepts a boot override and has none when it is read back. */
  forgetsBoot: boolean;
  /** Keeps the override, and the machine starts as if there were none. */
  ignoresBoot: boolean;
  /** After a power command it says the old state for that long. */
  powerLagSeconds: number;
  /** Accepts power commands and does nothing. */
  ignoresPower: boolean;
  /** Octets it takes of one console packet; what is above is for the other side to send again. */
  consoleTakes: number;
}

export function noFaults(): Faults {
  return {
    dead: false,
    dropIn: 0,
    dropOut: 0,
    answersOneIn: 1,
    delayMs: 0,
    duplicates: false,
    outOfSessions: false,
    wrongSequence: false,
    offersSuite0: false,
    rebootsAfter: 0,
    rebootSeconds: 2,
    refusals: 0,
    refusalCode: 0xc0,
    forgetsBoot: false,
    ignoresBoot: false,
    powerLagSeconds: 0,
    ignoresPower: false,
    consoleTakes: 255,
  };
}

/** Changes `faults` to what `changes` names. Throws on a name or a kind of value that there is not, and then changes nothing. */
export function changeFaults(faults: Faults, changes: Readonly<Record<string, unknown>>): void {
  const known: Readonly<Record<string, unknown>> = { ...faults };
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in known))
      throw new Error(`no fault "${name}": use one of ${Object.keys(known).join(", ")}`);
    if (typeof value !== typeof known[name])
      throw new Error(`fault ${name}: ${JSON.stringify(value)} is not a ${typeof known[name]}`);
  }
  Object.assign(faults, changes);
}
