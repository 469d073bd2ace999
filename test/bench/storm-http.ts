// HTTP as iPXE speaks it, for every machine of the storm: one connection, one request after the other, and just as much of
// HTTP as both servers answer with. Shares no code with the server it measures.

import koffi from "koffi";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { afInet, type Libc, sockCloexec, socketAddress } from "../../src/net/libc.ts";
import type { Loop } from "./storm-loop.ts";

const connectTo = koffi.load(null).func("int connect(int, const void *, uint32_t)");

const sockStream = 1;
const sockNonBlock = 0o4000;
const eagain = 11;
const patienceMs = 30_000;
const none = Buffer.alloc(16);
const noLength = Buffer.alloc(4);
const incoming = Buffer.alloc(128 * 1024);

/** A request under way. */
interface Fetch {
  readonly text: string;
  isSent: boolean;
  head: string;
  /** Of the body; undefined until the head is whole. */
  left: number | undefined;
  readonly parts: Buffer[];
  /** The answer says that it is the last one of its connection (RFC 9112 §9.6). */
  isLast: boolean;
  readonly end: (failure: string | undefined) => void;
}

export interface HttpClient {
  /** The body of a 200 or 206 answer; `range` is a Range header's value. Rejects after half a minute. */
  fetch(url: string, range?: string): Promise<Buffer>;
  close(): void;
}

/** The machine with that address. */
export function createHttpClient(libc: Libc, loop: Loop, from: Ipv4): HttpClient {
  let fd = -1;
  let fetch: Fetch | undefined;
  const close = () => {
    if (fd >= 0) libc.close(fd);
    fd = -1;
  };
  const fail = (why: string) => {
    close();
    fetch?.end(why);
  };
  const onReady = () => {
    if (fetch !== undefined && !fetch.isSent) send(libc, fd, fetch);
    for (;;) {
      const length = libc.recvfrom(fd, incoming, incoming.length, 0, none, noLength);
      if (length < 0) return koffi.errno() === eagain ? undefined : fail(libc.lastError());
      if (length === 0) return fail("the server has closed the connection");
      if (fetch !== undefined) take(fetch, incoming.subarray(0, length));
      // It was the last answer of its connection.
      if (fd < 0) return;
      if (length < incoming.length) return;
    }
  };
  const connect = (host: string, port: number) => {
    fd = libc.socket(afInet, sockStream | sockCloexec | sockNonBlock, 0);
    if (libc.bind(fd, socketAddress(from, 0), 16) < 0) throw new Error(libc.lastError());
    connectTo(fd, socketAddress(host as Ipv4, port), 16);
    loop.watch(fd, onReady);
  };
  return {
    close,
    fetch: (url, range) =>
      new Promise((resolve, reject) => {
        const { hostname, port, host, pathname, search } = new URL(url);
        const cancel = loop.alarm(patienceMs, () => fail("timeout"));
        const end = (failure: string | undefined) => {
          cancel();
          fetch = undefined;
          if (now.isLast) close();
          if (failure === undefined) resolve(Buffer.concat(now.parts));
          else reject(new Error(`${url}: ${failure}`));
        };
        const headers = `Host: ${host}\r\nConnection: keep-alive\r\nUser-Agent: iPXE/1.21.1\r\n`;
        const ranged = range === undefined ? "" : `Range: ${range}\r\n`;
        const text = `GET ${pathname}${search} HTTP/1.1\r\n${headers}${ranged}\r\n`;
        const blank = { isSent: false, head: "", left: undefined, parts: [], isLast: false };
        const now: Fetch = { text, ...blank, end };
        fetch = now;
        if (fd < 0) connect(hostname, Number(port));
        else send(libc, fd, now);
      }),
  };
}

/** Not before the connection stands: then the loop calls again. */
function send(libc: Libc, fd: number, fetch: Fetch): void {
  const request = Buffer.from(fetch.text);
  fetch.isSent = libc.sendto(fd, request, request.length, 0, none, 0) === request.length;
}

function take(fetch: Fetch, data: Buffer): void {
  const body = fetch.left === undefined ? bodyAfterHead(fetch, data) : data;
  if (fetch.left === undefined) return;
  fetch.left -= body.length;
  fetch.parts.push(Buffer.from(body));
  if (fetch.left <= 0) fetch.end(fetch.left === 0 ? undefined : "more than its content-length");
}

/** Sets how long the body is once the head is whole, and returns what there is of it; ends what is no 200 or 206 answer. */
function bodyAfterHead(fetch: Fetch, data: Buffer): Buffer {
  const before = fetch.head.length;
  fetch.head += data.toString("latin1");
  const end = fetch.head.indexOf("\r\n\r\n");
  if (end === -1) return none;
  const status = fetch.head.slice(9, 12);
  const head = fetch.head.slice(0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  fetch.isLast = /\r\nconnection: *close/i.test(head);
  if (status !== "200" && status !== "206") fetch.end(status);
  else if (length === undefined) fetch.end("no content-length");
  else fetch.left = Number(length);
  return data.subarray(end + 4 - before);
}
