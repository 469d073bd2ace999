// A relay's port in a network namespace of its own: what the parent sends as a message goes to the server, and what the
// server answers comes back as one. `node relay-process.ts OWN_ADDRESS SERVER_ADDRESS`, with an IPC channel.

import { createSocket } from "node:dgram";

const [own = "", server = ""] = process.argv.slice(2);
const relayPort = 67;
const socket = createSocket("udp4");
socket.on("message", (datagram) => process.send?.(datagram));
process.on("message", (datagram) => {
  // While the server is down, its host says so; the machines ask again.
  socket.send(datagram as Uint8Array, relayPort, server, () => undefined);
});
process.once("disconnect", () => socket.close());
socket.bind(relayPort, own, () => process.send?.("ready"));
