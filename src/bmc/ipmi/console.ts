// A machine's serial console over the session that its BMC's commands use too.

import { Readable } from "node:stream";
import { BmcError, bmcError, type SerialConsole } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import type { HeldSession, IpmiClient, Turn } from "./client.ts";
import { getDeviceId } from "./device.ts";
import { completionCodes } from "./message.ts";
import { activateSol, activationCodes, deactivateSol, decodeActivation, decodeSol } from "./sol.ts";
import { createSolTransfer, type SolTransfer } from "./sol-transfer.ts";

// A BMC ends a session that says nothing for a minute; acknowledgements of output would keep it, but there may be none.
const keepAliveMs = 20_000;
// A reader that falls behind this far stops the acknowledgements, and so the BMC.
const maxUnreadBytes = 1024 * 1024;

/**
 * Activates serial over LAN. Throws a BmcError "busy" when somebody else has the console and `takeOver` is not set,
 * "unsupported" when it is switched off in the BMC.
 */
export async function openIpmiConsole(
  client: IpmiClient,
  subject: string,
  takeOver: boolean,
  clock: Clock,
  signal?: AbortSignal,
): Promise<SerialConsole> {
  return await client.exclusive(async (turn) => {
    const { maxOutbound } = await activate(turn, takeOver);
    // Only now: a session of before may have been found dead, and what is printed comes in the one that was activated.
    const held = await turn.hold();
    return createConsole(client, held, maxOutbound, subject, clock);
  }, signal);
}

async function activate(turn: Turn, takeOver: boolean): Promise<{ readonly maxOutbound: number }> {
  const response = await turn.ask(activateSol);
  switch (response.completion) {
    case 0: {
      const activation = decodeActivation(response.data);
      if (activation === undefined)
        throw turn.fail("protocol", "its console's answer is cut short");
      return activation;
    }
    case activationCodes.alreadyActive:
    case activationCodes.limitReached:
      if (!takeOver)
        throw turn.fail("busy", "somebody else has the console (take it over with --take)");
      await turn.run(deactivateSol);
      return await activate(turn, false);
    case activationCodes.disabled:
      throw turn.fail("unsupported", "serial over LAN is switched off in its set-up");
    case activationCodes.notWithEncryption:
      throw turn.fail("unsupported", "it has no encrypted console");
    case completionCodes.insufficientPrivilege:
      // Of the console alone. As a failed login it would keep the other commands away from a BMC that takes them.
      throw turn.fail("unsupported", "this user may not use the console");
    default:
      throw turn.refused(response);
  }
}

function createConsole(
  client: IpmiClient,
  held: HeldSession,
  maxOutbound: number,
  subject: string,
  clock: Clock,
): SerialConsole {
  const { session } = held;
  const transfer = createSolTransfer(maxOutbound);
  const output = new Readable({ read: () => undefined });
  // Whoever reads gets the error; without a reader it is nobody's, and must not end the process.
  output.on("error", () => undefined);
  const ended = new AbortController();
  const flushed = new Set<() => void>();
  let failure: BmcError | undefined;

  const end = (error?: BmcError) => {
    if (ended.signal.aborted) return;
    failure = error;
    ended.abort();
    held.release();
    for (const done of flushed) done();
    if (error === undefined) output.push(null);
    else output.destroy(error);
  };
  const lost = (said: string) => end(bmcError("timeout", subject, `the console is lost: ${said}`));
  const sessionEnded = () => lost("the session ended");
  if (session.ended.aborted) sessionEnded();
  else session.ended.addEventListener("abort", sessionEnded, { once: true });
  session.listenSol((payload) => {
    const packet = decodeSol(payload);
    if ("malformed" in packet || ended.signal.aborted) return;
    if (packet.deactivating) return lost("the BMC ended it");
    if (packet.sequence !== 0 && output.readableLength > maxUnreadBytes) return;
    const { send, printed } = transfer.receive(packet, clock.now());
    for (const datagram of send) session.sendSol(datagram);
    if (printed.length > 0) output.push(Buffer.from(printed));
    if (transfer.pending === 0) for (const done of flushed) done();
  });
  void repeatUntil(ended.signal, transfer, session.sendSol, clock, lost);
  void keepAlive(ended.signal, client, clock, lost);

  const sent = async (datagrams: readonly Buffer[]) => {
    if (!ended.signal.aborted) for (const datagram of datagrams) session.sendSol(datagram);
    if (transfer.pending > 0 && !ended.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      flushed.add(resolve);
      await promise;
      flushed.delete(resolve);
    }
    if (failure !== undefined) throw failure;
  };
  return {
    output,
    write: (data) => sent(transfer.type(data, clock.now())),
    sendBreak: () => sent(transfer.sendBreak(clock.now())),
    close: async () => {
      if (ended.signal.aborted) return;
      await client.exclusive(({ ask }) => ask(deactivateSol)).catch(() => undefined);
      end();
    },
  };
}

async function repeatUntil(
  ended: AbortSignal,
  transfer: SolTransfer,
  send: (payload: Buffer) => void,
  clock: Clock,
  lost: (said: string) => void,
): Promise<void> {
  const pollMs = 100;
  while (!ended.aborted) {
    const { deadline } = transfer;
    if (deadline !== undefined && clock.now() >= deadline) {
      const datagrams = transfer.wake(clock.now());
      if (datagrams === undefined) return lost("it does not take what is typed");
      for (const datagram of datagrams) send(datagram);
    }
    await clock.sleep(pollMs, ended);
  }
}

async function keepAlive(
  ended: AbortSignal,
  client: IpmiClient,
  clock: Clock,
  lost: (said: string) => void,
): Promise<void> {
  for (;;) {
    await clock.sleep(keepAliveMs, ended);
    if (ended.aborted) return;
    try {
      await client.exclusive(({ run }) => run(getDeviceId), ended);
    } catch (error) {
      if (!ended.aborted) lost(error instanceof BmcError ? error.message : String(error));
      return;
    }
  }
}
