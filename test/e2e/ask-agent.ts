// One question to the agent's JSON socket, as the plugin asks it: one line each way on a connection of its own.

import { createConnection } from "node:net";

export type JsonReply = Record<string, unknown> & { readonly ok: boolean };

/** Rejects when the agent is not there, hangs up, or does not answer in time. */
export function askAgent(
  socketPath: string,
  request: Readonly<Record<string, unknown>>,
  { timeoutMs } = { timeoutMs: 60_000 },
): Promise<JsonReply> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    let text = "";
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(new Error("no answer in time"))), timeoutMs);
    socket.on("connect", () => socket.write(`${JSON.stringify({ v: 1, ...request })}\n`));
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (text.includes("\n")) end(() => resolve(JSON.parse(text.slice(0, text.indexOf("\n"))) as JsonReply));
    });
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("close", () => end(() => reject(new Error("closed without an answer"))));
  });
}
